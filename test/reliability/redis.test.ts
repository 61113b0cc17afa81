import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Redis } from "ioredis";
import { BOUNDED, inTime } from "../kit/in-time.js";
import { challengeOf, enrol, type Person, startSignIn, typePassword } from "../kit/people.js";
import { type Program, startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";
import { finish, openStream, sharedProgram } from "./sign-ins.js";

const MOST_MS = 1500;

/** Every kind of page once, each in time. */
async function visitEverything(ada: Person): Promise<void> {
  const { browser } = ada;
  const visit = async (what: string, status: number, work: ReturnType<typeof typePassword>): Promise<string> => {
    const { value } = await inTime(MOST_MS, what, work);
    assert.equal(value.status, status, what);
    return value.body;
  };
  const get = (path: string, status = 200) => visit(path, status, browser.get(path));
  const post = async (path: string, fields: Record<string, string> = {}, status = 303) =>
    visit(path, status, browser.post(path, fields));
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
async function finishesInFlight(program: Program, person: Person, waiting: Awaited<ReturnType<typeof startSignIn>>) {
  const stream = person.browser.watch(waiting.events).end;
  await person.answer("approve");
  const { value } = await inTime(5000, "the event after the tap", stream);
  assert.deepEqual(value, { final: "approved" });
  const finished = await inTime(MOST_MS, "finishing", finish(person));
  assert.equal(finished.value.location, "/account");
  assert.equal((await challengeOf(program, waiting))?.state, "consumed");
}

describe("Redis goes away", () => {
  const shared = sharedProgram();

  // Before the others, whose callbacks would make the first poll come late.
  it("F9: jobs are made again from the rows within 5 s when Redis was emptied", BOUNDED, async (t) => {
    const program = shared();
    const ada = await enrol(program, "ada");
    await program.phone.faults({ callbacks: "drop" });
    const redis = new Redis(program.redis.url);
    t.after(() => {
      redis.disconnect();
    });
    const hasLooked = async (): Promise<boolean> => (await redis.exists("countersign:jobs-remembered")) === 1;
    await until(hasLooked, "the worker did not look at its queue");
    const waiting = await startSignIn(ada);
    await program.redis.flush();
    await ada.answer("approve");
    const { value } = await inTime(5000, "the poll after the tap", ada.browser.watch(waiting.events).end);
    assert.deepEqual(value, { final: "approved" });
    assert.ok(
      program.lines.some(({ msg, jobs }) => msg === "the queue was empty: its jobs are made again" && jobs === 1),
      "the worker did not say that it made one job again",
    );
    await finish(ada);
    await program.phone.faults();
  });

  for (const [how, breakIt, mendIt] of [
    ["dead", (program: Program) => program.redis.kill(), (program: Program) => program.redis.restart()],
    [
      "hung",
      (program: Program) => {
        program.redis.freeze();
      },
      (program: Program) => {
        program.redis.thaw();
      },
    ],
  ] as const)
    it(
      `F8: with Redis ${how} no page is slower than 1.5 s, and sign-ins in flight and new ones finish`,
      BOUNDED,
      async () => {
        const program = shared();
        const people = await Promise.all(["ann", "bob", "eve"].map((name) => enrol(program, `${name}-${how}`)));
        const [ann, bob, eve] = people;
        assert.ok(ann && bob && eve, "three people");
        const inFlight = await startSignIn(bob);
        await breakIt(program);
        await finishesInFlight(program, bob, inFlight);
        await ann.browser.post("/logout");
        await visitEverything(ann);
        await finishesInFlight(program, eve, await startSignIn(eve));
        const ready = await ann.browser.get("/readyz");
        assert.equal(ready.status, 200);
        assert.match(ready.body, /"status":"degraded"/);
        await mendIt(program);
        await until(
          async () => (await ann.browser.get("/readyz")).body.includes('"status":"ok"'),
          "it did not come back",
        );
      },
    );
});

describe("Redis comes back", () => {
  it(
    "E7: notifications arrive again after Redis was killed, without waiting for the next reading",
    BOUNDED,
    async (t) => {
      // The callback comes to another process than the one on which the browser waits.
      const program = await startProgram(t, { webs: 2, callbackTo: 1, env: { STREAM_REREAD_MS: "3600000" } });
      const ada = await enrol(program, "ada");
      const waiting = await startSignIn(ada);
      const stream = await openStream(ada, waiting);
      await program.redis.kill();
      await program.redis.restart();
      const redis = new Redis(program.redis.url);
      t.after(() => {
        redis.disconnect();
      });
      const listeners = async (): Promise<boolean> =>
        Number((await redis.pubsub("NUMSUB", `challenge:${waiting.id}`))[1]) === 1;
      await until(listeners, "nobody listens again");
      await ada.answer("approve");
      const { value } = await inTime(2000, "the event after the tap", stream.end);
      assert.deepEqual(value, { final: "approved" });
    },
  );
});

describe("stopping and starting", () => {
  const shared = sharedProgram();
  const places = ({ webs, workers }: Program): Program["workers"] => [...webs, ...workers];

  for (const [name, how, breakRedis, mendRedis] of [
    ["well", "", () => undefined, () => undefined],
    [
      "dead",
      ", also with Redis dead",
      (program: Program) => program.redis.kill(),
      (program: Program) => program.redis.restart(),
    ],
    [
      "hung",
      ", also with Redis hung",
      (program: Program) => {
        program.redis.freeze();
      },
      (program: Program) => {
        program.redis.thaw();
      },
    ],
  ] as const)
    it(`F18: web and worker exit 0 within 10 s of SIGTERM${how}`, BOUNDED, async () => {
      const program = shared();
      const person = await enrol(program, `ada-${name}`);
      const stream = await openStream(person, await startSignIn(person));
      await breakRedis(program);
      await Promise.all(
        places(program).map(async (place) => {
          const { value } = await inTime(10_000, `the end of ${place.name}`, place.stop(60_000));
          assert.deepEqual(value, { code: 0, signal: null }, place.name);
        }),
      );
      const ended = await stream.end;
      assert.ok("cut" in ended && ended.cut >= 500 && ended.cut <= 2000, "the stream said when to come back");
      await mendRedis(program);
      await Promise.all(places(program).map((place) => place.start()));
    });

  it("F20: web and worker start without Redis, and find it when it comes", BOUNDED, async () => {
    const program = shared();
    const { redis } = program;
    const ada = await enrol(program, "ada");
    await Promise.all(places(program).map((place) => place.kill()));
    await redis.kill();
    await Promise.all(places(program).map((place) => place.start()));
    await program.phone.faults({ callbacks: "drop" });
    const waiting = await startSignIn(ada);
    await ada.answer("approve");
    await redis.restart();
    const { value } = await inTime(8000, "the poll after Redis came", ada.browser.watch(waiting.events).end);
    assert.deepEqual(value, { final: "approved" });
  });
});
