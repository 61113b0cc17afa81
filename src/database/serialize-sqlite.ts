import { setImmediate as nextLoop, setTimeout as wait } from "node:timers/promises";
import type Database from "better-sqlite3";
import type { DataSource, EntityManager, QueryRunner } from "typeorm";
import { BetterSqlite3QueryRunner } from "typeorm/driver/better-sqlite3/BetterSqlite3QueryRunner.js";

import { type DirectSqlite, directSqlite } from "./direct-sqlite.js";
import { isBusy } from "./errors.js";

const direct = new WeakMap<DataSource, DirectSqlite>();

/** The direct way to an SQLite database that was serialized; undefined for any other. */
export function directWayTo(dataSource: DataSource): DirectSqlite | undefined {
  return direct.get(dataSource);
}

/** How long a statement is tried again while another process writes. */
const PATIENCE_MS = 1000;
const LONGEST_PAUSE_MS = 80;

/**
 * SQLite has one connection for the whole process, so a statement beside an open transaction would join it and be
 * rolled back with it. Statements and transactions therefore take turns. What finds the database held by another
 * process gives its turn back and tries again later: meanwhile others read, and the event loop is never blocked.
 *
 * What a transaction does inside, it does through its own manager: a statement of the data source would wait for a turn
 * that ends with the transaction.
 */
export function serializeSqlite(dataSource: DataSource): DataSource {
  if (dataSource.options.type !== "better-sqlite3") return dataSource;
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const run = tail.then(work);
    // Each busy try has blocked a few milliseconds: many in a row must let the event loop go round in between.
    tail = run.catch((error: unknown) => (isBusy(error) ? nextLoop() : undefined));
    return run;
  };
  const patiently = async <T>(work: () => Promise<T>): Promise<T> => {
    const until = performance.now() + PATIENCE_MS;
    for (let pause = 4; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await inTurn(work);
      } catch (error) {
        if (!isBusy(error) || performance.now() + pause > until) throw error;
      }
      await wait(pause * (1 + Math.random()));
    }
  };
  const shared = writingAtOnce(dataSource.createQueryRunner());
  const query = shared.query.bind(shared);
  Object.assign(shared, { query: (...given: Parameters<typeof query>) => patiently(() => query(...given)) });
  // A second way to the same connection, which takes no turns: whoever is on it has the turn already.
  const inside = writingAtOnce(new BetterSqlite3QueryRunner(dataSource.driver as never));
  const manager = dataSource.createEntityManager(inside);
  Object.assign(inside, { manager });
  const orNone = async (given: Parameters<EntityManager["transaction"]>): Promise<unknown> => {
    try {
      return await manager.transaction(...given);
    } catch (error) {
      leaveTransaction(dataSource, inside);
      throw error;
    }
  };
  // Inside nothing waits for another process: the whole transaction is tried again.
  const transaction = (...given: Parameters<EntityManager["transaction"]>) => patiently(() => orNone(given));
  Object.assign(dataSource.manager, { transaction });
  direct.set(dataSource, directSqlite(dataSource, patiently));
  return dataSource;
}

/** BEGIN IMMEDIATE takes the write lock at once, so that no transaction is refused halfway. */
function writingAtOnce<Runner extends QueryRunner>(runner: Runner): Runner {
  const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<unknown>;
  return Object.assign(runner, {
    query: (sql: string, ...rest: unknown[]) => query(sql === "BEGIN TRANSACTION" ? "BEGIN IMMEDIATE" : sql, ...rest),
  });
}

/**
 * After some errors, those of a full disk among them, SQLite has rolled back by itself. TypeORM's own rollback fails then, and
 * it believes that the transaction goes on: later ones would be savepoints in one that nobody ever commits.
 */
function leaveTransaction({ driver }: DataSource, runner: object): void {
  const { databaseConnection } = driver as unknown as { databaseConnection: Database.Database };
  if (databaseConnection.inTransaction) databaseConnection.exec("ROLLBACK");
  Object.assign(runner, { isTransactionActive: false, transactionDepth: 0 });
}
