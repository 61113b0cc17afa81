import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextLoop, setTimeout as wait } from "node:timers/promises";
import type Database from "better-sqlite3";
import { type DataSource } from "typeorm";

import { isBusy } from "./errors.js";

/** How long a statement is tried again while another process writes. */
const PATIENCE_MS = 1000;
const LONGEST_PAUSE_MS = 80;

/**
 * SQLite has one connection for the whole process, so a statement beside an open transaction would join it and be
 * rolled back with it. Statements and transactions therefore take turns. What finds the database held by another
 * process gives its turn back and tries again later: meanwhile others read, and the event loop is never blocked.
 */
export function serializeSqlite(dataSource: DataSource): DataSource {
  if (dataSource.options.type !== "better-sqlite3") return dataSource;
  const owner = new AsyncLocalStorage<{ open: boolean }>();
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<unknown>): Promise<unknown> => {
    if (owner.getStore()?.open) return work();
    const turn = { open: true };
    const run = tail
      .then(() => owner.run(turn, work))
      .finally(() => {
        turn.open = false;
      });
    // Each busy try has blocked a few milliseconds: many in a row must let the event loop go round in between.
    tail = run.catch((error: unknown) => (isBusy(error) ? nextLoop() : undefined));
    return run;
  };
  const patiently = async (work: () => Promise<unknown>): Promise<unknown> => {
    // Inside a transaction nothing waits: the whole of it is tried again.
    if (owner.getStore()?.open) return work();
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
  const runner = dataSource.createQueryRunner();
  const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<unknown>;
  Object.assign(runner, {
    // BEGIN IMMEDIATE takes the write lock at once, so that no transaction is refused halfway.
    query: (sql: string, ...rest: unknown[]) =>
      patiently(() => query(sql === "BEGIN TRANSACTION" ? "BEGIN IMMEDIATE" : sql, ...rest)),
  });
  const transaction = dataSource.manager.transaction.bind(dataSource.manager) as (
    ...args: unknown[]
  ) => Promise<unknown>;
  const orNone = async (args: readonly unknown[]): Promise<unknown> => {
    try {
      return await transaction(...args);
    } catch (error) {
      leaveTransaction(dataSource, runner);
      throw error;
    }
  };
  Object.assign(dataSource.manager, { transaction: (...args: unknown[]) => patiently(() => orNone(args)) });
  return dataSource;
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
