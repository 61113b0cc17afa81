import { setTimeout as wait } from "node:timers/promises";
import { type DataSource, MigrationExecutor } from "typeorm";

import { openDatabase } from "./data-source.js";
import { driverErrorOf } from "./errors.js";

/** A number of ours among the advisory locks of one PostgreSQL database; any other would do as well. */
const LOCK = 1_769_900_000;

const PAUSE_MS = 200;
const PATIENCE_MS = 600_000;
/** SQLite is held by another process; PostgreSQL has no room for one more connection, or a lock came too late. */
const FOR_A_WHILE = /^(SQLITE_BUSY|53300|55P03)/;

/**
 * Brings the tables of one database up to date, all of the way or not at all. Of several processes that do so at once,
 * one works; the others wait for it and find nothing left to do.
 *
 * @param onWait - Called once where another one is at work.
 * @returns the names of the migrations that were done here.
 */
export async function migrateDatabase(url: string, onWait: () => void): Promise<string[]> {
  let isTold = false;
  const tellOnce = (): void => {
    if (!isTold) onWait();
    isTold = true;
  };
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      const database = await openDatabase(url, { poolSize: 1, isPatient: true });
      try {
        return await runInTurn(database, tellOnce);
      } finally {
        await database.destroy();
      }
    } catch (error) {
      if (!FOR_A_WHILE.test(driverErrorOf(error).code) || performance.now() > until) throw error;
    }
    tellOnce();
    await wait(PAUSE_MS);
  }
}

/** Everything in one transaction, the lock included: a pooler may give the next transaction to another server process. */
async function runInTurn(database: DataSource, onWait: () => void): Promise<string[]> {
  const runner = database.createQueryRunner();
  await runner.beforeMigration();
  await runner.startTransaction();
  try {
    if (database.options.type === "postgres") {
      // The role's own limits are for pages.
      await runner.query("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0");
      const [now] = (await runner.query("SELECT pg_try_advisory_xact_lock($1) AS taken", [LOCK])) as {
        taken: boolean;
      }[];
      if (now?.taken !== true) {
        onWait();
        await runner.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
      }
    }
    const done = await new MigrationExecutor(database, runner).executePendingMigrations();
    await runner.commitTransaction();
    await runner.afterMigration();
    return done.map(({ name }) => name);
  } catch (error) {
    await runner.rollbackTransaction().catch(() => undefined);
    throw error;
  } finally {
    await runner.release();
  }
}
