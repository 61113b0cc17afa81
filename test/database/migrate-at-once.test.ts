import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import Database from "better-sqlite3";
import pg from "pg";

import { openDatabase } from "../../src/database/data-source.js";
import { tablesAreCurrent } from "../../src/database/readiness.js";
import { ensureBuilt } from "../kit/built.js";
import { type LogLine, startPart } from "../kit/part.js";
import { startPgBouncer, type TestPgBouncer } from "../kit/pgbouncer.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";

const SETTINGS = { AUTHY_APP_NAME: "Acme", AUTHY_APP_ID: "1", AUTHY_PRODUCTION_API_KEY: "k", SESSION_KEYS: "k" };

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
    });
});
