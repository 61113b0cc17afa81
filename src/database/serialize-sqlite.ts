import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { type DataSource } from "typeorm";

/** Pauses between tries while another process writes: about a second in all. */
const BUSY_PAUSES_MS = [5, 10, 20, 40, 80, 150, 200, 250, 250];

/**
 * SQLite has one connection for the whole process, so a statement beside an open transaction would join it and be
 * rolled back with it. Statements and transactions therefore take turns. A database that another process holds is
 * tried again without blocking the event loop.
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
    tail = run.catch(() => undefined);
    return run;
  };
  const runner = dataSource.createQueryRunner();
  const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<unknown>;
  Object.assign(runner, {
    // BEGIN IMMEDIATE takes the write lock at once, so that no transaction is refused halfway.
    query: (sql: string, ...rest: unknown[]) =>
      inTurn(() => untilFree(() => query(sql === "BEGIN TRANSACTION" ? "BEGIN IMMEDIATE" : sql, ...rest))),
  });
  const transaction = dataSource.manager.transaction.bind(dataSource.manager) as (
    ...args: unknown[]
  ) => Promise<unknown>;
  Object.assign(dataSource.manager, { transaction: (...args: unknown[]) => inTurn(() => transaction(...args)) });
  return dataSource;
}

async function untilFree<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of BUSY_PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
    await wait(pause);
  }
  return work();
}

function isBusy(error: unknown): boolean {
  const code = driverCode(error);
  return code === "SQLITE_BUSY" || code === "SQLITE_BUSY_SNAPSHOT";
}

function driverCode(error: unknown): string {
  const inner = (error as { driverError?: { code?: unknown } } | null)?.driverError;
  return typeof inner?.code === "string" ? inner.code : "";
}

/** True for a row that is there already, on either database. */
export function isDuplicate(error: unknown): boolean {
  return ["SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "23505"].includes(driverCode(error));
}
