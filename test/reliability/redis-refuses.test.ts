import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";

import { BOUNDED, inTime, timed, watchMachine } from "../kit/in-time.js";
import { enrol, startSignIn } from "../kit/people.js";
import { startRedis, type TestRedis } from "../kit/redis.js";
import { startRelay } from "../kit/relay.js";
import { until } from "../kit/until.js";
import { watchAsks } from "./asks.js";
import {
  asApp,
  assertJsonOnly,
  becomes,
  EVERYTHING,
  HANDFUL,
  startGuarded,
  PROMISED_MS,
  sharedGuarded,
  signsIn,
  tellsOnce,
  warnings,
} from "./guarded-program.js";
import { startBalanced } from "./sign-ins.js";

interface Refusal {
  readonly name: string;
  readonly reason: RegExp;
  readonly begin: (redis: TestRedis) => Promise<unknown>;
  readonly end: (redis: TestRedis) => Promise<unknown>;
}

function setting(name: string, bad: string, good: string): Pick<Refusal, "begin" | "end"> {
  return {
    begin: (redis) => redis.command("CONFIG", "SET", name, bad),
    end: (redis) => redis.command("CONFIG", "SET", name, good),
  };
}

const REFUSALS: readonly Refusal[] = [
  {
    name: "its primary becomes a replica in place (READONLY)",
    reason: /^the server is a read-only replica/,
    begin: (redis) => redis.command("REPLICAOF", "127.0.0.1", "1"),
    end: (redis) => redis.command("REPLICAOF", "NO", "ONE"),
  },
  { name: "its memory is full (OOM)", reason: /memory is full/, ...setting("maxmemory", "1", "0") },
  {
    name: "too few replicas follow it (NOREPLICAS)",
    reason: /too few replicas/,
    ...setting("min-replicas-to-write", "1", "0"),
  },
  {
    name: "a replica has lost its primary (MASTERDOWN)",
    reason: /^the server is a replica that has lost its primary$/,
    async begin(redis) {
      await redis.command("CONFIG", "SET", "replica-serve-stale-data", "no");
      await redis.command("REPLICAOF", "127.0.0.1", "1");
    },
    end: (redis) => redis.command("REPLICAOF", "NO", "ONE"),
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

describe("a Redis that answers and refuses", () => {
  const shared = sharedGuarded();

  for (const { name, reason, begin, end } of REFUSALS)
    it(`K2: while ${name}, polls and events go on, /readyz is degraded, and all heals by itself`, BOUNDED, async () => {
      const { program, redis } = shared();
      await becomes(program, "ok");
      await program.phone.faults({ callbacks: "drop" });
      const person = await enrol(program);
      const inFlight = await startSignIn(person);
      const since = program.lines.length;
      await begin(redis);
      await becomes(program, "degraded");
      await person.answer("approve");
      const { value } = await inTime(PROMISED_MS, "the event after the tap", person.browser.watch(inFlight.events).end);
      assert.deepEqual(value, { final: "approved" });
      assert.equal(await signsIn(program), "poll");
      await end(redis);
      await becomes(program, "ok");
      assert.equal(await signsIn(program), "poll");
      await tellsOnce(program, since, reason);
      assertJsonOnly(program);
    });
});

describe("a failover in place", () => {
  it(
    "K2: follows the name to the new primary, also with what listens, while old connections stay",
    BOUNDED,
    async (t) => {
      const [former, next] = [await startRedis(t), await startRedis(t)];
      for (const redis of [former, next]) await redis.command("ACL", "SETUSER", "app", "on", ">secret", ...EVERYTHING);
      const relay = await startRelay(t, Number(new URL(former.url).port));
      const env = { REDIS_URL: asApp(`redis://127.0.0.1:${relay.port}`) };
      const program = await startBalanced(t, { env });
      await becomes(program, "ok");
      await program.phone.faults({ callbacks: "drop" });
      const since = program.lines.length;

      // It copies the new primary's data for a few seconds, and answers LOADING meanwhile.
      for (let n = 0; n < 60; n++) await next.command("SET", `key-${n}`, randomBytes(2048).toString("hex"));
      for (const [name, value] of [
        ["key-load-delay", "100000"],
        ["loading-process-events-interval-bytes", "1024"],
        ["masterauth", new URL(next.url).password],
      ] as const)
        await former.command("CONFIG", "SET", name, value);
      await former.command("REPLICAOF", "127.0.0.1", new URL(next.url).port);
      const hears = (redis: TestRedis) => async (): Promise<boolean> =>
        ((await redis.command("PUBSUB", "CHANNELS", "challenge:check-*")) as unknown[]).length > 0;
      await becomes(program, "degraded");
      const isLoading = (): boolean => program.lines.some((line) => line["reason"] === "it is still loading its data");
      await until(isLoading, "nobody noticed that it loads", 20_000);
      assert.equal(await signsIn(program), "poll");

      relay.leadTo(Number(new URL(next.url).port));
      await becomes(program, "ok");
      assert.equal(await signsIn(program), "poll");
      for (const process of ["web", "worker"]) {
        const said = warnings(program, since, process);
        assert.ok(said.length <= HANDFUL, JSON.stringify(said, null, 1));
      }
      // What listens may have stayed with the former one: it does no harm while that follows the new one, and moves when not.
      await former.command("REPLICAOF", "NO", "ONE");
      await inTime(PROMISED_MS, "listening to the new primary", until(hears(next), "nobody listens there", 60_000));
      await until(async () => !(await hears(former)()), "somebody still listens to the former one", 20_000);
      assertJsonOnly(program);
    },
  );
});

describe("while the queue refuses", () => {
  it(
    "K2: workers share the rows: never two questions at once about one, and each a fifth of the rate",
    BOUNDED,
    async (t) => {
      const { program, redis } = await startGuarded(t, {
        workers: 2,
        env: { LIMIT_UPSTREAM_PER_SECOND: "10", POLL_FIRST_MS: "50", POLL_MAX_MS: "50" },
      });
      await redis.command("CONFIG", "SET", "maxmemory", "1");
      await becomes(program, "degraded");
      await program.phone.faults({ callbacks: "drop", latency_ms: 300, route: "approval-status" });
      const asks = watchAsks(program);
      const ada = await enrol(program);
      await startSignIn(ada);
      await until(() => asks.asked() >= 4, "Authy was not asked 4 times", 60_000);
      assert.equal(asks.mostAtOnce(), 1);
      for (let n = 0; n < 7; n++) await startSignIn(await enrol(program));
      const from = asks.asked();
      const machine = watchMachine();
      const { ms } = await timed(until(() => asks.asked() >= from + 20, "Authy was not asked 20 times", 60_000));
      machine.stop();
      // Two workers with two questions a second each: 20 of them take four seconds and the one that has begun.
      assert.ok(ms + machine.slowestMs() > 3000, `Authy was asked 20 times in ${ms} ms`);
    },
  );
});
