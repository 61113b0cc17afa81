import type { DataSource } from "typeorm";

import { driverErrorOf } from "./errors.js";

/**
 * Whether rows can be written. Changes nothing: to lock no row at all is refused alike where the server is read-only or
 * the role may not write. Of SQLite only whether it answers.
 *
 * @throws what the database says when they cannot.
 */
export async function requireWritable(database: DataSource): Promise<void> {
  if (database.options.type !== "postgres") {
    await database.query("SELECT 1");
    return;
  }
  try {
    await database.query("SELECT 1 FROM sessions WHERE false FOR UPDATE");
  } catch (error) {
    // Without tables it is for the migrations to say so.
    if (driverErrorOf(error).code !== "42P01") throw error;
  }
}

/** Whether the tables are what this program expects. @throws where no migration was ever done. */
export async function tablesAreCurrent(database: DataSource): Promise<boolean> {
  return (await migrationsApart(database)).pending.length === 0;
}

/** The migrations that are still to be done, and those that only a newer program knows. @throws where none was ever done. */
export async function migrationsApart(database: DataSource): Promise<{ pending: string[]; newer: string[] }> {
  const done = (await database.query<{ name: string }[]>("SELECT name FROM migrations")).map(({ name }) => name);
  const known = database.migrations.flatMap(({ name }) => name ?? []);
  return {
    pending: known.filter((name) => !done.includes(name)),
    newer: done.filter((name) => !known.includes(name)),
  };
}

/** @returns for each index that should be there and is not, or cannot be used, the statement that makes it. */
export async function missingIndexes(database: DataSource): Promise<string[]> {
  const isPostgres = database.options.type === "postgres";
  const found = await database.query<{ name: string }[]>(
    isPostgres
      ? `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indisvalid AND c.relnamespace = current_schema()::regnamespace`
      : "SELECT name FROM sqlite_master WHERE type = 'index'",
  );
  const names = new Set(found.map(({ name }) => name));
  return database.entityMetadatas.flatMap(({ tableName, indices }) =>
    indices
      .filter(({ name }) => !names.has(name))
      .map(({ name, isUnique, columns, where }) => {
        const of = columns.map(({ databaseName }) => databaseName).join(", ");
        return `CREATE ${isUnique ? "UNIQUE " : ""}INDEX ${name} ON ${tableName} (${of})${where ? ` WHERE ${where}` : ""}`;
      }),
  );
}

/** How far the database's clock is ahead of this host's. Of SQLite nothing, which has none of its own. */
export async function clockAheadMs(database: DataSource, hostNow: () => number): Promise<number> {
  if (database.options.type !== "postgres") return 0;
  const asked = hostNow();
  const [row] = await database.query<{ ms: string }[]>(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms",
  );
  return Number(row?.ms) - (asked + hostNow()) / 2;
}
