import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { startRedis, type TestRedis } from "../kit/redis.js";
import {
  answered,
  BOUNDED,
  eventually,
  finish,
  inTime,
  openStream,
  openTown,
  startSignIn,
  tap,
  type Town,
} from "./town.js";

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

/** A test's own Redis, and a town whose parts know it as a user with rights of its own. */
interface GuardedTown {
  readonly town: Town;
  readonly redis: TestRedis;
  may(...rules: string[]): Promise<unknown>;
}

function sharedTown(settings: Parameters<typeof openTown>[1] = {}): () => GuardedTown {
  const ends: (() => void | Promise<void>)[] = [];
  let opened: GuardedTown | undefined;
  before(async () => {
    const owner = { after: (end: () => void | Promise<void>) => ends.push(end) };
    const redis = await startRedis(owner);
    const may = (...rules: string[]) => redis.command("ACL", "SETUSER", "app", "on", ">secret", ...rules);
    await may("allkeys", "allchannels", "+@all");
    const url = new URL(redis.url);
    [url.username, url.password] = ["app", "secret"];
    const env = { REDIS_URL: url.href, LOG_LEVEL: "info", ...settings.env };
    opened = { town: await openTown(owner, { ...settings, env }), redis, may };
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return () => {
    if (opened === undefined) throw new Error("the town is not open yet");
    return opened;
  };
}

async function health(town: Town): Promise<{ code: number; status: string }> {
  const { status, body } = await answered(fetchReady(town));
  return { code: status, status: (JSON.parse(body) as { status: string }).status };
}

async function fetchReady({ world }: Town) {
  const answer = await fetch(`${world.site}/readyz`);
  return { status: answer.status, headers: {}, location: undefined, body: await answer.text() } as never;
}

async function becomes(town: Town, status: string): Promise<void> {
  await inTime(
    PROMISED_MS,
    `/readyz saying ${status}`,
    eventually(async () => (await health(town)).status === status, 60_000, `/readyz did not say ${status}`),
  );
  assert.equal((await health(town)).code, 200);
}

/** Somebody signs in, and only the worker can learn of the answer. */
async function signsInByPoll(town: Town, name: string): Promise<void> {
  const person = await town.enrol(name);
  const waiting = await startSignIn(person);
  const stream = await openStream(person, waiting);
  await tap(person);
  const { value } = await inTime(PROMISED_MS, "the event after the tap", stream.end);
  assert.deepEqual(value, { final: "approved" });
  assert.equal((await town.challenge(waiting.id))?.settledBy, "poll");
  assert.equal((await finish(person, waiting)).location, "/account");
}

/** What all processes have said since, but for requests. */
function warnings(town: Town, from: number): Town["lines"] {
  return town.lines.slice(from).filter(({ level }) => typeof level !== "number" || level >= 40);
}

function assertJsonOnly({ lines }: Town): void {
  assert.deepEqual(
    lines.filter(({ part, level, time }) => part !== "migrate" && (level === undefined || time === undefined)),
    [],
    "lines that are not JSON",
  );
}

describe("a Redis that answers and refuses", () => {
  const shared = sharedTown();

  for (const { name, reason, begin, end } of REFUSALS)
    it(`K2: while ${name}, polls and events go on, /readyz is degraded, and all heals by itself`, BOUNDED, async () => {
      const { town, redis } = shared();
      await becomes(town, "ok");
      await town.faults({ callbacks: "drop" });
      const person = await town.enrol(`before-${town.lines.length}`);
      const inFlight = await startSignIn(person);
      const from = town.lines.length;
      await begin(redis);
      await becomes(town, "degraded");
      await tap(person);
      const { value } = await inTime(PROMISED_MS, "the event after the tap", person.browser.watch(inFlight.events));
      assert.deepEqual(value, { final: "approved" });
      await signsInByPoll(town, `during-${town.lines.length}`);
      await end(redis);
      await becomes(town, "ok");
      await signsInByPoll(town, `after-${town.lines.length}`);
      for (const part of ["web", "worker"]) {
        const said = await eventually(
          () => {
            const lines = warnings(town, from).filter((line) => line["process"] === part);
            return lines.some(({ msg }) => msg === "Redis works again") && lines;
          },
          20_000,
          `the ${part} did not say that Redis works again`,
        );

        console.log(
          JSON.stringify(
            said.map((l) => [l["process"], l.msg, l["reason"]]),
            null,
            1,
          ),
        );
        assert.ok(said.length <= HANDFUL, JSON.stringify(said, null, 1));
        assert.ok(
          said.some((line) => reason.test(String(line["reason"]))),
          JSON.stringify(said, null, 1),
        );
      }
      assertJsonOnly(town);
    });
});
