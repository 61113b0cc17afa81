import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Redis } from "ioredis";

import { type Person } from "../trials/storm/sign-in.js";
import {
  answered,
  BOUNDED,
  csrfIn,
  eventually,
  finish,
  inTime,
  openStream,
  openTown,
  sharedTown,
  startSignIn,
  tap,
  type Town,
  typePassword,
} from "./town.js";

const MOST_MS = 1500;

/** Every kind of page once, each in time. */
async function visitEverything(ada: Person): Promise<void> {
  const { browser } = ada;
  const visit = async (what: string, status: number, work: ReturnType<typeof typePassword>): Promise<string> => {
    const { value } = await inTime(MOST_MS, what, work);
    assert.equal(value.status, status, what);
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
}

/** A sign-in that began before. */
async function finishesInFlight(town: Town, person: Person, waiting: Awaited<ReturnType<typeof startSignIn>>) {
  const stream = person.browser.watch(waiting.events);
  await tap(person);
  const { value } = await inTime(5000, "the event after the tap", stream);
  assert.deepEqual(value, { final: "approved" });
  const finished = await inTime(MOST_MS, "finishing", finish(person, waiting));
  assert.equal(finished.value.location, "/account");
  assert.equal((await town.challenge(waiting.id))?.state, "consumed");
}

describe("Redis goes away", () => {
  const shared = sharedTown();

  // Before the others, whose callbacks would make the first poll come late.
  it("F9: jobs are made again from the rows within 5 s when Redis was emptied", BOUNDED, async (t) => {
    const town = shared();
    const ada = await town.enrol("ada");
    await town.faults({ callbacks: "drop" });
    const redis = new Redis(town.world.redis.url);
    t.after(() => {
      redis.disconnect();
    });
    const hasLooked = async (): Promise<boolean> => (await redis.exists("countersign:jobs-remembered")) === 1;
    await eventually(hasLooked, 20_000, "the worker did not look at its queue");
    const waiting = await startSignIn(ada);
    await town.world.redis.flush();
    await tap(ada);
    const { value } = await inTime(5000, "the poll after the tap", ada.browser.watch(waiting.events));
    assert.deepEqual(value, { final: "approved" });
    assert.ok(
      town.lines.some(({ msg, jobs }) => msg === "the queue was empty: its jobs are made again" && jobs === 1),
      "the worker did not say that it made one job again",
    );
    await finish(ada, waiting);
    await town.faults();
  });

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
      async () => {
        const town = shared();
        const people = await Promise.all(["ann", "bob", "eve"].map((name) => town.enrol(`${name}-${how}`)));
        const [ann, bob, eve] = people;
        assert.ok(ann && bob && eve, "three people");
        const inFlight = await startSignIn(bob);
        await breakIt(town);
        await finishesInFlight(town, bob, inFlight);
        await visitEverything(ann);
        await finishesInFlight(town, eve, await startSignIn(eve));
        const ready = await answered(ann.browser.get("/readyz"));
        assert.equal(ready.status, 200);
        assert.match(ready.body, /"status":"degraded"/);
        await mendIt(town);
        await eventually(
          async () => (await answered(ann.browser.get("/readyz"))).body.includes('"status":"ok"'),
          30_000,
          "it did not come back",
        );
      },
    );
});

describe("Redis comes back", () => {
  it("E7: a bell is heard again after Redis was killed, without waiting for the next reading", BOUNDED, async (t) => {
    const town = await openTown(t, { env: { STREAM_REREAD_MS: "3600000" } });
    const ada = await town.enrol("ada");
    const waiting = await startSignIn(ada);
    const stream = await openStream(ada, waiting);
    await town.world.redis.kill();
    await town.world.redis.restart();
    const redis = new Redis(town.world.redis.url);
    t.after(() => {
      redis.disconnect();
    });
    const listeners = async (): Promise<boolean> =>
      Number((await redis.pubsub("NUMSUB", `challenge:${waiting.id}`))[1]) === 1;
    await eventually(listeners, 30_000, "nobody listens again");
    await tap(ada);
    const { value } = await inTime(2000, "the event after the tap", stream.end);
    assert.deepEqual(value, { final: "approved" });
  });
});

describe("stopping and starting", () => {
  const shared = sharedTown();
  const places = ({ world }: Town): Town["world"]["webs"] => [...world.webs, ...world.workers];

  for (const [name, how, breakRedis, mendRedis] of [
    ["well", "", () => undefined, () => undefined],
    [
      "dead",
      ", also with Redis dead",
      (town: Town) => town.world.redis.kill(),
      (town: Town) => town.world.redis.restart(),
    ],
    [
      "hung",
      ", also with Redis hung",
      (town: Town) => {
        town.world.redis.freeze();
      },
      (town: Town) => {
        town.world.redis.thaw();
      },
    ],
  ] as const)
    it(`F18: web and worker exit 0 within 10 s of SIGTERM${how}`, BOUNDED, async () => {
      const town = shared();
      const person = await town.enrol(`ada-${name}`);
      const stream = await openStream(person, await startSignIn(person));
      await breakRedis(town);
      await Promise.all(
        places(town).map(async (place) => {
          const { value } = await inTime(10_000, `the end of ${place.name}`, place.part().stop(60_000));
          assert.deepEqual(value, { code: 0, signal: null }, place.name);
        }),
      );
      const ended = await stream.end;
      assert.ok("cut" in ended && ended.cut >= 500 && ended.cut <= 2000, "the stream said when to come back");
      await mendRedis(town);
      await Promise.all(places(town).map((place) => place.start()));
    });

  it("F20: web and worker start without Redis, and find it when it comes", BOUNDED, async () => {
    const town = shared();
    const { redis } = town.world;
    const ada = await town.enrol("ada");
    await Promise.all(places(town).map((place) => place.part().kill()));
    await redis.kill();
    await Promise.all(places(town).map((place) => place.start()));
    await town.faults({ callbacks: "drop" });
    const waiting = await startSignIn(ada);
    await tap(ada);
    await redis.restart();
    const { value } = await inTime(8000, "the poll after Redis came", ada.browser.watch(waiting.events));
    assert.deepEqual(value, { final: "approved" });
  });
});
