import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Redis } from "ioredis";

import { type Person } from "../../scripts/storm/sign-in.js";
import {
  answered,
  BOUNDED,
  csrfIn,
  eventually,
  finish,
  openTown,
  startSignIn,
  tap,
  timed,
  type Town,
  typePassword,
} from "./town.js";

const MOST_MS = 1500;

/** Every kind of page once, each in time. @returns how the slowest took. */
async function visitEverything(ada: Person): Promise<number> {
  const { browser } = ada;
  const slowest = { ms: 0, what: "" };
  const visit = async (what: string, status: number, work: ReturnType<typeof typePassword>): Promise<string> => {
    const { value, ms } = await timed(work);
    assert.equal(value.status, status, what);
    if (ms > slowest.ms) Object.assign(slowest, { ms, what });
    return value.body;
  };
  const get = (path: string, status = 200) => visit(path, status, answered(browser.get(path)));
  const post = async (path: string, fields: Record<string, string> = {}, status = 303) =>
    visit(path, status, answered(browser.post(path, { csrf: csrfIn(await get("/login")), ...fields })));
  await get("/");
  await get("/register");
  await visit("POST /login", 303, typePassword(ada));
  await get("/login/approval");
  await get("/login/code");
  await post("/login/approval/resend");
  await post("/login/approval/finish");
  await post("/login/approval/cancel");
  await post("/login", { username: "nobody", password: "wrong" }, 422);
  await get("/healthz");
  await get("/readyz");
  await get("/metrics");
  assert.ok(slowest.ms < MOST_MS, `${slowest.what} took ${slowest.ms} ms`);
  return slowest.ms;
}

/** A sign-in that began before. */
async function finishesInFlight(town: Town, person: Person, waiting: Awaited<ReturnType<typeof startSignIn>>) {
  const stream = person.browser.watch(waiting.events);
  await tap(person);
  const { value, ms } = await timed(stream);
  assert.deepEqual(value, { final: "approved" });
  assert.ok(ms < 5000, `the event came after ${ms} ms`);
  const finished = await timed(finish(person, waiting));
  assert.equal(finished.value.location, "/account");
  assert.ok(finished.ms < MOST_MS, `finishing took ${finished.ms} ms`);
  assert.equal((await town.challenge(waiting.id))?.state, "consumed");
}

describe("Redis goes away", () => {
  for (const [how, breakIt, mendIt] of [
    ["dead", (town: Town) => town.world.redis.kill(), (town: Town) => town.world.redis.restart()],
    [
      "hung",
      (town: Town) => {
        town.world.redis.freeze();
      },
      (town: Town) => {
        town.world.redis.thaw();
      },
    ],
  ] as const)
    it(
      `F8: with Redis ${how} no page is slower than 1.5 s, and sign-ins in flight and new ones finish`,
      BOUNDED,
      async (t) => {
        const town = await openTown(t);
        const [ada, bob, eve] = await Promise.all(["ada", "bob", "eve"].map((name) => town.enrol(name)));
        assert.ok(ada && bob && eve);
        const inFlight = await startSignIn(bob);
        await breakIt(town);
        await finishesInFlight(town, bob, inFlight);
        await visitEverything(ada);
        await finishesInFlight(town, eve, await startSignIn(eve));
        const ready = await answered(ada.browser.get("/readyz"));
        assert.equal(ready.status, 200);
        assert.match(ready.body, /"status":"degraded"/);
        await mendIt(town);
        await eventually(
          async () => (await answered(ada.browser.get("/readyz"))).body.includes('"status":"ok"'),
          5000,
          "it did not come back",
        );
      },
    );

  it("F9: jobs are made again from the rows within 5 s when Redis was emptied", BOUNDED, async (t) => {
    const town = await openTown(t);
    const ada = await town.enrol("ada");
    await town.faults({ callbacks: "drop" });
    await eventually(() => town.lines.some(({ msg }) => msg === "worker ready"), 5000, "the worker was not ready");
    await wait(1200); // the worker has looked once, so that an empty queue means a loss
    const waiting = await startSignIn(ada);
    await town.world.redis.flush();
    await tap(ada);
    const { value, ms } = await timed(ada.browser.watch(waiting.events));
    assert.deepEqual(value, { final: "approved" });
    assert.ok(ms < 5000, `the poll came after ${ms} ms`);
    assert.ok(town.lines.some(({ msg, jobs }) => msg === "the queue was empty: its jobs are made again" && jobs === 1));
  });

  it("E7: a bell is heard again after Redis was killed, without waiting for the next reading", BOUNDED, async (t) => {
    const town = await openTown(t, { env: { STREAM_REREAD_MS: "30000" } });
    const ada = await town.enrol("ada");
    const waiting = await startSignIn(ada);
    const stream = ada.browser.watch(waiting.events);
    await town.world.redis.kill();
    await town.world.redis.restart();
    const redis = new Redis(town.world.redis.url);
    t.after(() => {
      redis.disconnect();
    });
    const listeners = async (): Promise<boolean> =>
      Number((await redis.pubsub("NUMSUB", `challenge:${waiting.id}`))[1]) === 1;
    await eventually(listeners, 5000, "nobody listens again");
    await tap(ada);
    const { value, ms } = await timed(stream);
    assert.deepEqual(value, { final: "approved" });
    assert.ok(ms < 2000, `the event came after ${ms} ms`);
  });
});

describe("stopping", () => {
  async function stopsInTime(t: TestContext, breakRedis: (town: Town) => void | Promise<void>): Promise<void> {
    const town = await openTown(t);
    const ada = await town.enrol("ada");
    const waiting = await startSignIn(ada);
    let isOpen = false;
    const stream = ada.browser.watch(waiting.events, () => (isOpen = true));
    await eventually(() => Promise.resolve(isOpen), 5000, "the stream did not open");
    await breakRedis(town);
    const { webs, workers } = town.world;
    const stops = await Promise.all([...webs, ...workers].map((place) => timed(place.part().stop(20_000))));
    for (const { value, ms } of stops) {
      assert.deepEqual(value, { code: 0, signal: null });
      assert.ok(ms < 10_000, `it took ${ms} ms`);
    }
    const ended = await stream;
    assert.ok("cut" in ended && ended.cut >= 500 && ended.cut <= 2000, "the stream said when to come back");
  }

  it("F18: web and worker exit 0 within 10 s of SIGTERM", BOUNDED, (t) => stopsInTime(t, () => undefined));
  it("F18: also with Redis dead", BOUNDED, (t) => stopsInTime(t, (town) => town.world.redis.kill()));
  it("F18: also with Redis hung", BOUNDED, (t) =>
    stopsInTime(t, (town) => {
      town.world.redis.freeze();
    }),
  );
});

describe("starting", () => {
  it("F20: web and worker start without Redis, and find it when it comes", BOUNDED, async (t) => {
    const town = await openTown(t);
    const { webs, workers, redis } = town.world;
    const ada = await town.enrol("ada");
    await Promise.all([...webs, ...workers].map((place) => place.part().kill()));
    await redis.kill();
    await Promise.all([...webs, ...workers].map((place) => place.start()));
    await town.faults({ callbacks: "drop" });
    const waiting = await startSignIn(ada);
    await tap(ada);
    await redis.restart();
    const { value, ms } = await timed(ada.browser.watch(waiting.events));
    assert.deepEqual(value, { final: "approved" });
    assert.ok(ms < 8000, `the poll came after ${ms} ms`);
  });
});
