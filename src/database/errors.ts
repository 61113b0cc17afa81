import { DatabaseAway } from "../domain/errors.js";

/** Codes of the network and of SQLite, for a database that is locked, stopped, full or out of reach. */
const DRIVER_CODES =
  /^(SQLITE_(BUSY|LOCKED|READONLY|IOERR|CANTOPEN|FULL)|E(CONN|PIPE|HOST|NET|AI_|TIMEDOUT)|ENOTFOUND)/;

/**
 * PostgreSQL's codes (https://www.postgresql.org/docs/current/errcodes-appendix.html) for what is wrong with the server
 * or with our place in it, and never with one statement: no connection (08), a read-only server or a transaction that was
 * ended (25), a login refused (28), the database gone (3D), a conflict with others (40), full or too many (53), not ready
 * (55), stopping, starting or too slow (57), its files (58), no permission (42501), the tables gone (42P01).
 */
const SERVER_CODES = /^(08|25|28|3D|40|53|55|57|58)[0-9A-Z]{3}$|^42501$|^42P01$/;

const CLIENT_WORDS =
  /Connection terminated|not queryable|database connection is not open|DataSource is not (set|initialized|connected)/i;

/** True when the database cannot be used now although nothing is wrong with the request. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof DatabaseAway) return true;
  const { code, reason } = driverErrorOf(error);
  return DRIVER_CODES.test(code) || SERVER_CODES.test(code) || CLIENT_WORDS.test(reason);
}

/**
 * What the driver or the server said: its code, empty where it has none, and its message on one line. An
 * error by which the database is away tells of hosts, roles, databases and tables, and never a password or what a row holds.
 */
export function driverErrorOf(error: unknown): { code: string; reason: string } {
  const ours = error instanceof DatabaseAway ? (error.cause ?? error) : error;
  const outer = (ours ?? {}) as { driverError?: unknown };
  const inner = (outer.driverError ?? outer) as { code?: unknown };
  // A host with several addresses: one error for each.
  const messages = inner instanceof AggregateError ? inner.errors.map(messageOf) : [messageOf(inner)];
  return {
    code: typeof inner.code === "string" ? inner.code : "",
    reason: messages.join("; ").replace(/\s+/g, " ").slice(0, 300),
  };
}

/** Runs work on the database; where the drivers say in their own words that it cannot be used, that is a DatabaseAway. */
export async function orDatabaseAway<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DatabaseAway || !isDatabaseAway(error)) throw error;
    throw databaseAway(error);
  }
}

/** The domain's word for what a driver said of a database that cannot be used. */
export function databaseAway(cause: unknown): DatabaseAway {
  return new DatabaseAway(`the database cannot be used now: ${driverErrorOf(cause).reason}`, { cause });
}

/** True for a row that is there already, on either database. */
export function isDuplicate(error: unknown): boolean {
  const { code } = driverErrorOf(error);
  return ["SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "23505"].includes(code);
}

/** True where another process writes to SQLite, or repairs the log that a killed one left behind. */
export function isBusy(error: unknown): boolean {
  return driverErrorOf(error).code.startsWith("SQLITE_BUSY");
}

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : "";
}
