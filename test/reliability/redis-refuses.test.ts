import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { newOwner } from "../kit/owner.js";
import { startRedis, type TestRedis } from "../kit/redis.js";
import { openBrowser } from "../kit/browser.js";
import { BOUNDED, inTime } from "../kit/in-time.js";
import { challengeOf, enrol, startSignIn } from "../kit/people.js";
import { type Program } from "../kit/program.js";
import { until } from "../kit/until.js";
import { finish, openStream, startBalanced } from "./sign-ins.js";

/** A cause is told when it begins and when it is over; a handful is what its neighbours may say meanwhile. */
const HANDFUL = 6;
/** What is promised: the event after a tap, and what was missed once Redis works again. */
const PROMISED_MS = 10_000;

interface Refusal {
  readonly name: string;
  readonly reason: RegExp;
  readonly begin: (redis: TestRedis) => Promise<unknown>;
  readonly end: (redis: TestRedis) => Promise<unknown>;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: "its primary becomes a replica in place (READONLY)",
    reason: /read-only replica/,
    begin: (redis) => redis.command("REPLICAOF", "127.0.0.1", "1"),
    end: (redis) => redis.command("REPLICAOF", "NO", "ONE"),
  },
  {
    name: "its memory is full (OOM)",
    reason: /memory is full/,
    begin: (redis) => redis.command("CONFIG", "SET", "maxmemory", "1"),
    end: (redis) => redis.command("CONFIG", "SET", "maxmemory", "0"),
  },
  {
    name: "a replica has lost its primary (MASTERDOWN)",
    reason: /lost its primary/,
    async begin(redis) {
      await redis.command("CONFIG", "SET", "replica-serve-stale-data", "no");
      await redis.command("REPLICAOF", "127.0.0.1", "1");
    },
    end: (redis) => redis.command("REPLICAOF", "NO", "ONE"),
  },
  {
    name: "too few replicas follow it (NOREPLICAS)",
    reason: /too few replicas/,
    begin: (redis) => redis.command("CONFIG", "SET", "min-replicas-to-write", "1"),
    end: (redis) => redis.command("CONFIG", "SET", "min-replicas-to-write", "0"),
  },
  {
    name: "it cannot save (MISCONF)",
    reason: /cannot save/,
    async begin(redis) {
      redis.loseDisk();
      await redis.command("CONFIG", "SET", "save", "3600 1000000");
      await redis.command("BGSAVE");
    },
    end: (redis) => redis.command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"),
  },
];

/** A test's own Redis, and a program whose processes know it as a user with rights of its own. */
interface Guarded {
  readonly program: Program;
  readonly redis: TestRedis;
  may(...rules: string[]): Promise<unknown>;
}

function sharedGuarded(): () => Guarded {
  const owner = newOwner();
  let opened: Guarded | undefined;
  before(async () => {
    const redis = await startRedis(owner);
    const may = (...rules: string[]) => redis.command("ACL", "SETUSER", "app", "on", ">secret", ...rules);
    await may("allkeys", "allchannels", "+@all");
    const url = new URL(redis.url);
    [url.username, url.password] = ["app", "secret"];
    opened = { program: await startBalanced(owner, { env: { REDIS_URL: url.href } }), redis, may };
  });
  after(() => owner.end());
  return () => {
    if (opened === undefined) throw new Error("the program has not started yet");
    return opened;
  };
}

async function health({ site }: Program): Promise<{ code: number; status: string }> {
  const { status, body } = await openBrowser(site).get("/readyz");
  return { code: status, status: (JSON.parse(body) as { status: string }).status };
}

async function becomes(program: Program, status: string): Promise<void> {
  await inTime(
    PROMISED_MS,
    `/readyz saying ${status}`,
    until(async () => (await health(program)).status === status, `/readyz did not say ${status}`, 60_000),
  );
  assert.equal((await health(program)).code, 200);
}

/** Somebody signs in, and only the worker can learn of the answer. */
async function signsInByPoll(program: Program, name: string): Promise<void> {
  const person = await enrol(program, name);
  const waiting = await startSignIn(person);
  const stream = await openStream(person, waiting);
  await person.answer("approve");
  const { value } = await inTime(PROMISED_MS, "the event after the tap", stream.end);
  assert.deepEqual(value, { final: "approved" });
  assert.equal((await challengeOf(program, waiting))?.settledBy, "poll");
  assert.equal((await finish(person)).location, "/account");
}

/** What all processes have said since, but for requests. */
function warnings(program: Program, from: number): Program["lines"] {
  return program.lines.slice(from).filter(({ level }) => typeof level !== "number" || level >= 40);
}

function assertJsonOnly({ lines }: Program): void {
  assert.deepEqual(
    lines.filter(({ part, level, time }) => part !== "migrate" && (level === undefined || time === undefined)),
    [],
    "lines that are not JSON",
  );
}

describe("a Redis that answers and refuses", () => {
  const shared = sharedGuarded();

  for (const { name, reason, begin, end } of REFUSALS)
    it(`K2: while ${name}, polls and events go on, /readyz is degraded, and all heals by itself`, BOUNDED, async () => {
      const { program, redis } = shared();
      await becomes(program, "ok");
      await program.phone.faults({ callbacks: "drop" });
      const person = await enrol(program, `before-${program.lines.length}`);
      const inFlight = await startSignIn(person);
      const from = program.lines.length;
      await begin(redis);
      await becomes(program, "degraded");
      await person.answer("approve");
      const { value } = await inTime(PROMISED_MS, "the event after the tap", person.browser.watch(inFlight.events).end);
      assert.deepEqual(value, { final: "approved" });
      await signsInByPoll(program, `during-${program.lines.length}`);
      await end(redis);
      await becomes(program, "ok");
      await signsInByPoll(program, `after-${program.lines.length}`);
      for (const part of ["web", "worker"]) {
        const said = await until(() => {
          const lines = warnings(program, from).filter((line) => line["process"] === part);
          return lines.some(({ msg }) => msg === "Redis works again") && lines;
        }, `the ${part} did not say that Redis works again`);
        assert.ok(said.length <= HANDFUL, JSON.stringify(said, null, 1));
        assert.ok(
          said.some((line) => reason.test(String(line["reason"]))),
          JSON.stringify(said, null, 1),
        );
      }
      assertJsonOnly(program);
    });
});
