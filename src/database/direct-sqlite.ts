import type { DataSource } from "typeorm";
import type Database from "better-sqlite3";

import { isBusy } from "./errors.js";

/** Statements on SQLite's own connection, beside TypeORM's. Values stand as `?`. */
export interface DirectSqlite {
  /** Runs a statement that only reads: at once, unless a transaction is open whose rows it must not see yet. */
  read(sql: string, values: readonly unknown[]): Promise<unknown[]>;
  /**
   * Runs a statement that writes, in one transaction with all others of the same turn of the event loop: they share the cost
   * of a commit. Each has its own outcome, and none has one before the commit.
   */
  write(sql: string, values: readonly unknown[]): Promise<unknown[]>;
}

interface Waiting {
  readonly sql: string;
  readonly values: readonly unknown[];
  readonly resolve: (rows: unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly rows: unknown[] } | { readonly error: unknown };

/** @param patiently - Runs work in turn with transactions, and again while another process holds the database. */
export function directSqlite(
  dataSource: DataSource,
  patiently: <T>(work: () => Promise<T>) => Promise<T>,
): DirectSqlite {
  const { databaseConnection } = dataSource.driver as unknown as { databaseConnection: Database.Database };
  const prepared = new Map<string, Database.Statement>();
  let waiting: Waiting[] = [];

  function run(sql: string, values: readonly unknown[]): unknown[] {
    let statement = prepared.get(sql);
    if (statement === undefined) prepared.set(sql, (statement = databaseConnection.prepare(sql)));
    if (statement.reader) return statement.all(...values);
    statement.run(...values);
    return [];
  }

  /** @throws what concerns them all: then none of them was done. */
  function runTogether(together: readonly Waiting[]): Outcome[] {
    const [first] = together;
    if (first !== undefined && together.length === 1) return [{ rows: run(first.sql, first.values) }];
    run("BEGIN IMMEDIATE", []);
    try {
      const outcomes = together.map(({ sql, values }): Outcome => {
        try {
          return { rows: run(sql, values) };
        } catch (error) {
          // A statement that fails undoes itself alone, unless SQLite has rolled back everything.
          if (!databaseConnection.inTransaction) throw error;
          return { error };
        }
      });
      run("COMMIT", []);
      return outcomes;
    } catch (error) {
      if (databaseConnection.inTransaction) run("ROLLBACK", []);
      throw error;
    }
  }

  async function runWaiting(): Promise<void> {
    const together = waiting;
    waiting = [];
    try {
      // eslint-disable-next-line @typescript-eslint/require-await -- what it throws must be a rejection
      const outcomes = await patiently(async () => runTogether(together));
      for (const [at, outcome] of outcomes.entries())
        if ("rows" in outcome) together[at]?.resolve(outcome.rows);
        else together[at]?.reject(outcome.error);
    } catch (error) {
      for (const each of together) each.reject(error);
    }
  }

  return {
    async read(sql, values) {
      if (!databaseConnection.inTransaction)
        try {
          return run(sql, values);
        } catch (error) {
          if (!isBusy(error)) throw error;
        }
      // eslint-disable-next-line @typescript-eslint/require-await -- what it throws must be a rejection
      return patiently(async () => run(sql, values));
    },
    write: (sql, values) =>
      new Promise((resolve, reject) => {
        waiting.push({ sql, values, resolve, reject });
        if (waiting.length === 1) setImmediate(() => void runWaiting());
      }),
  };
}
