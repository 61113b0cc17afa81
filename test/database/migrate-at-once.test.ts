import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";
import pg from "pg";

import { openDatabase } from "../../src/database/data-source.js";
import { migrateDatabase } from "../../src/database/migrate.js";
import { tablesAreCurrent } from "../../src/database/readiness.js";
import { ensureBuilt } from "../kit/built.js";
import { type LogLine, startPart } from "../kit/part.js";
import { startPgBouncer, type TestPgBouncer } from "../kit/pgbouncer.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";

const SETTINGS = { AUTHY_APP_NAME: "Acme", AUTHY_APP_ID: "1", AUTHY_PRODUCTION_API_KEY: "k", SESSION_KEYS: "k" };

/** Pages wait 3 s for a statement and 4 s for a connection. */
const LONGER_THAN_PAGES_WAIT_MS = 5000;

/** Runs three migrations at once, from a moment at which all of them wait. @returns how they ended, sorted. */
async function migrateThrice(url: string, release: () => void | Promise<void>): Promise<string[]> {
  const { PATH, HOME, TMPDIR, COUNTERSIGN_TEST_RUN } = process.env;
  const env = { PATH, HOME, TMPDIR, COUNTERSIGN_TEST_RUN, ...SETTINGS, DATABASE_URL: url };
  const started = [1, 2, 3].map(() => startPart({ name: "migrate", script: "dist/scripts/migrate.js", env }));
  const waits = ({ msg }: LogLine): boolean => /in use by another migration.*waiting/.test(msg ?? "");
  await Promise.all(started.map((part) => part.waitForLine(waits, 60_000))).finally(release);
  const ended = started.map(async (part) => `${(await part.exited).code ?? "none"}: ${part.lines.at(-1)?.msg ?? ""}`);
  return (await Promise.all(ended)).sort();
}

/** Takes what a migration at work has. @returns how to give it back. */
async function holdPostgres(url: string): Promise<() => Promise<void>> {
  const holder = new pg.Client(url);
  await holder.connect();
  await holder.query("BEGIN; SELECT pg_advisory_xact_lock(1769900000)");
  return () => holder.end();
}

function holdSqlite(url: string): Promise<() => void> {
  const holder = new Database(url.replace(/^sqlite:/, ""));
  holder.exec("BEGIN IMMEDIATE");
  return Promise.resolve(() => {
    holder.close();
  });
}

describe("migrations started at once", () => {
  const ends: (() => void | Promise<void>)[] = [];
  let folder = "";
  let postgres: TestPostgres | undefined;
  let bouncer: TestPgBouncer | undefined;
  before(async () => {
    ensureBuilt();
    folder = mkdtempSync(path.join(tmpdir(), "countersign-migrate-"));
    const owner = { after: (end: () => void | Promise<void>) => ends.push(end) };
    postgres = await startPostgres(owner);
    bouncer = await startPgBouncer(owner, postgres, "transaction");
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
    rmSync(folder, { recursive: true, force: true });
  });

  const ways = {
    SQLite: () => Promise.resolve(`sqlite:${path.join(folder, "test.sqlite")}`),
    PostgreSQL: () => postgres!.createDatabase(),
    "PostgreSQL through PgBouncer in transaction mode": async () => bouncer!.through(await postgres!.createDatabase()),
  };
  for (const [way, address] of Object.entries(ways))
    it(`K11 on ${way} one of three does the work, on an empty database and on one that lacks the last step`, async () => {
      const url = await address();
      const hold = way === "SQLite" ? holdSqlite : holdPostgres;
      const upToDate = "0: The database is up to date.";
      const atFirst = await migrateThrice(url, await hold(url));

      const database = await openDatabase(url);
      try {
        const names = database.migrations.map(({ name }) => name ?? "");
        assert.deepEqual(atFirst, [`0: Migrated: ${names.join(", ")}`, upToDate, upToDate].sort());
        assert.equal(await tablesAreCurrent(database), true);
        await database.undoLastMigration();
        assert.equal(await tablesAreCurrent(database), false);
        const later = await migrateThrice(url, await hold(url));
        assert.deepEqual(later, [`0: Migrated: ${names.at(-1) ?? ""}`, upToDate, upToDate].sort());
        assert.equal(await tablesAreCurrent(database), true);
      } finally {
        await database.destroy();
      }
      // A pooler keeps its connections to the server: whatever one of them still held, nobody would get again.
      assert.deepEqual(await migrateDatabase(url, () => undefined), []);
      const left = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'";
      if (way !== "SQLite") assert.deepEqual(await postgres!.run(left), [], "a lock is left behind");
    });

  it("K11 the limits of its role end no migration that waits: of locks, of statements, of connections", async () => {
    const roles = {
      hasty: ["SET lock_timeout = '100ms'", "BEGIN; SELECT pg_advisory_xact_lock(1769900000)"],
      strict: ["SET statement_timeout = '100ms'", "BEGIN; SELECT pg_advisory_xact_lock(1769900000)"],
      lonely: ["CONNECTION LIMIT 1", "SELECT 1"],
    } as const;
    await Promise.all(
      Object.entries(roles).map(async ([role, [limit, hold]]) => {
        await postgres!.run(`CREATE ROLE ${role} LOGIN`);
        await postgres!.run(`CREATE DATABASE ${role} OWNER ${role}`);
        await postgres!.run(`ALTER ROLE ${role} ${limit}`);
        const url = `postgres://${role}@127.0.0.1:${postgres!.port}/${role}`;
        const other = new pg.Client(role === "lonely" ? url : postgres!.url(role));
        await other.connect();
        await other.query(hold);
        let waits = 0;
        const migrating = migrateDatabase(url, () => (waits += 1));
        const isDone = await Promise.race([migrating, wait(LONGER_THAN_PAGES_WAIT_MS, "it waits")]);
        assert.equal(isDone, "it waits", role);
        await other.end();
        assert.ok((await migrating).length > 0, role);
        assert.equal(waits, 1, role);
      }),
    );
  });
});
