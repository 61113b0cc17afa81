import type { DataSource } from "typeorm";

import { driverErrorOf } from "./errors.js";

/**
 * Whether rows can be written. Changes nothing: to lock no row at all is refused alike where the server is read-only or
 * the role may not write.
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
  const rows = await database.query<{ name: string }[]>("SELECT name FROM migrations");
  const done = new Set(rows.map(({ name }) => name));
  return database.migrations.every(({ name }) => name !== undefined && done.has(name));
}
