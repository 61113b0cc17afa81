import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import type { DataSource } from "typeorm";

import { openDatabase } from "../../src/database/data-source.js";
import { driverErrorOf, isDatabaseAway } from "../../src/database/errors.js";
import { startPgBouncer } from "../kit/pgbouncer.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";
import { startRelay } from "../kit/relay.js";
import { until } from "../kit/until.js";

const FOR_EVER_MS = 60_000;
/** A statement is cancelled after 3 s and a connection closed after 4; the rest is the machine's. */
const IN_TIME_MS = 12_000;

async function failureOf(work: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const startedAt = performance.now();
  const failure = work.then(
    () => undefined,
    (error: unknown) => error,
  );
  const error = await Promise.race([failure, wait(FOR_EVER_MS, new Error("it goes on and on"), { ref: false })]);
  return { error, ms: performance.now() - startedAt };
}

describe("nothing waits for ever on PostgreSQL", { concurrency: true }, () => {
  const ends: (() => void | Promise<void>)[] = [];
  let postgres: TestPostgres | undefined;
  const databases = new Map<string, DataSource>();
  before(async () => {
    const owner = { after: (end: () => void | Promise<void>) => ends.push(end) };
    postgres = await startPostgres(owner, { withTls: true });
    const url = await postgres.createDatabase();
    const bouncer = await startPgBouncer(owner, postgres, "transaction");
    for (const [way, address] of [
      ["directly", url],
      ["with TLS", `${url}?sslmode=require`],
      ["over a socket", `${url}?host=${postgres.folder}`],
      ["through PgBouncer in transaction mode", bouncer.through(url)],
    ] as const) {
      const database = await openDatabase(address, { poolSize: 3 });
      databases.set(way, database);
    }
    await postgres.run("CREATE TABLE sessions (id int); INSERT INTO sessions VALUES (1)", "test_1");
  });
  after(async () => {
    for (const database of databases.values()) await database.destroy();
    for (const end of ends.reverse()) await end();
  });

  it("F17 a statement that waits for a lock is cancelled at the server, and its connection goes on", async () => {
    const runners = Array.from(databases, ([way, database]) => ({ way, runner: database.createQueryRunner() }));
    const holder = new pg.Client(postgres!.url("test_1"));
    await holder.connect();
    await holder.query("BEGIN; LOCK TABLE sessions");
    try {
      await Promise.all(
        runners.map(async ({ way, runner }) => {
          const connection = await (runner.connect() as Promise<unknown>);
          const { error, ms } = await failureOf(runner.query("UPDATE sessions SET id = 2"));
          assert.equal(driverErrorOf(error).code, "57014", way);
          assert.ok(isDatabaseAway(error), way);
          assert.ok(ms > 2500 && ms < IN_TIME_MS, `${way} it took ${Math.round(ms)} ms`);
          await runner.query("SELECT 1");
          assert.equal(await (runner.connect() as Promise<unknown>), connection, way);
        }),
      );
      const { rows } = await holder.query("SELECT 1 FROM pg_locks WHERE NOT granted");
      assert.equal(rows.length, 0, "nothing is left waiting at the server");
    } finally {
      await holder.end();
      for (const { runner } of runners) await runner.release();
    }
  });

  it("F17 a connection whose server is silent is closed, a transaction's too, and the next one is used", async () => {
    const database = await openDatabase(postgres!.url("test_1"));
    let frozen = 0;
    const { error, ms } = await failureOf(
      database.transaction(async (rows) => {
        frozen = (await rows.query<{ pid: number }[]>("SELECT pg_backend_pid() AS pid"))[0]!.pid;
        process.kill(frozen, "SIGSTOP");
        await rows.query("SELECT 1");
      }),
    );
    try {
      assert.ok(isDatabaseAway(error), String(error));
      // The rollback waits no second time.
      assert.ok(ms > 3500 && ms < 7500, `it took ${Math.round(ms)} ms`);
      const [now] = await database.query<{ pid: number }[]>("SELECT pg_backend_pid() AS pid");
      assert.notEqual(now?.pid, frozen);
    } finally {
      process.kill(frozen, "SIGCONT");
      await database.destroy();
    }
  });

  it("K22 a role with two connections shares them, has more when there are more, and is told when there are none", async () => {
    await postgres!.run("CREATE ROLE few LOGIN CONNECTION LIMIT 2");
    const database = await openDatabase(`postgres://few@127.0.0.1:${postgres!.port}/test_1`, { poolSize: 5 });
    const ask = () => Promise.all(Array.from({ length: 20 }, () => database.query("SELECT pg_sleep(0.02)")));
    const connections = async (): Promise<number> => {
      await ask();
      return (await postgres!.run("SELECT 1 FROM pg_stat_activity WHERE usename = 'few'")).length;
    };
    try {
      assert.equal(await connections(), 2);
      await postgres!.run("ALTER ROLE few CONNECTION LIMIT 5");
      await until(async () => (await connections()) === 5, "it had no more");
      await postgres!.run("ALTER ROLE few CONNECTION LIMIT 0");
      await postgres!.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'few'");
      const { error, ms } = await failureOf(ask());
      assert.ok(isDatabaseAway(error), String(error));
      assert.ok(ms < IN_TIME_MS, `it took ${Math.round(ms)} ms`);
      await postgres!.run("ALTER ROLE few CONNECTION LIMIT 2");
      await ask();
    } finally {
      await database.destroy();
    }
  });

  it("K22 a role whose connections are all taken opens few in vain, however many requests wait", async () => {
    await postgres!.run("CREATE ROLE taken LOGIN CONNECTION LIMIT 1");
    const relay = await startRelay({ after: (end) => ends.push(end) }, postgres!.port);
    const database = await openDatabase(`postgres://taken@127.0.0.1:${relay.port}/test_1`, { poolSize: 5 });
    try {
      await Promise.all(Array.from({ length: 10 }, () => database.query("SELECT pg_sleep(0.2)")));
      assert.ok(relay.connections <= 15, `${relay.connections} were tried for ten statements, one after the other`);
    } finally {
      await database.destroy();
    }
  });

  for (const [who, address] of [
    ["a role", () => Promise.resolve(`postgres://one@127.0.0.1:${postgres!.port}/test_1`)],
    [
      "a pooler",
      async () => {
        const owner = { after: (end: () => void | Promise<void>) => ends.push(end) };
        const bouncer = await startPgBouncer(owner, postgres!, "transaction", ["max_client_conn = 1"]);
        return bouncer.through(postgres!.url("test_1"));
      },
    ],
  ] as const)
    it(`K22 where others have every connection that ${who} gives, a process waits until one is free`, async () => {
      if (who === "a role") await postgres!.run("CREATE ROLE one LOGIN CONNECTION LIMIT 1");
      const url = await address();
      const others = new pg.Client(url);
      await others.connect();
      const opening = openDatabase(url, { poolSize: 2 });
      setTimeout(() => void others.end(), 500);
      const database = await opening;
      assert.equal((await database.query<unknown[]>("SELECT 1")).length, 1);
      await database.destroy();
    });

  it("K3 a transaction brings its own limit and leaves none behind, so that others of a pooler meet none", async () => {
    const show = "SHOW idle_in_transaction_session_timeout";
    const limit = "idle_in_transaction_session_timeout";
    for (const [way, database] of databases) {
      const inside = await database.transaction((rows) => rows.query<Record<string, string>[]>(show));
      assert.equal(inside[0]?.[limit], "5s", way);
      for (const setting of [limit, "statement_timeout"]) {
        const [outside] = await database.query<Record<string, string>[]>(`SHOW ${setting}`);
        assert.equal(outside?.[setting], "0", `${setting}, ${way}`);
      }
    }
  });
});
