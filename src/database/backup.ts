import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import Database from "better-sqlite3";

const FIRST_PAGES = 1000;

/** A file that is no complete backup, or a database that cannot be replaced now; the message is for the operator. */
export class BackupRefused extends Error {}

/**
 * Copies an SQLite database, also while others read and write it: the copy is that of one moment. It is checked, and a file of
 * that name appears only when it is whole; until then it is called `….part`. Only the owner can read it.
 *
 * @param onProgress - Told of the part that is done, from 0 to 1. It goes back when somebody wrote meanwhile.
 * @throws BackupRefused when the file is there already, or the copy is not whole.
 */
export async function backUpSqlite(from: string, to: string, onProgress: (part: number) => void): Promise<void> {
  if (existsSync(to)) throw new BackupRefused(`${to} is there already: nothing is written over`);
  const part = `${to}.part`;
  try {
    // The name is taken before anything is in it, so that nobody else can ever read it.
    closeSync(openSync(part, "wx", 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") throw error;
    throw new BackupRefused(`${part} is there already: another backup runs, or one was broken off. Remove it`);
  }
  try {
    await copy(from, part, onProgress);
    const problem = problemOf(part);
    if (problem !== null) throw new BackupRefused(`the copy is not whole: ${problem}`);
    linkNew(part, to);
  } finally {
    removeWithLogs(part);
  }
}

async function copy(from: string, to: string, onProgress: (part: number) => void): Promise<void> {
  const source = new Database(from, { readonly: true, fileMustExist: true });
  let pages = FIRST_PAGES;
  try {
    await source.backup(to, {
      progress({ totalPages, remainingPages }) {
        onProgress(totalPages === 0 ? 0 : 1 - remainingPages / totalPages);
        // SQLite begins anew when somebody wrote in between; larger and larger steps come to an end all the same.
        return (pages *= 2);
      },
    });
  } finally {
    source.close();
  }
  const database = new Database(to);
  database.pragma("journal_mode = DELETE"); // one file, without a log beside it
  database.close();
  const opened = openSync(to, "r");
  fsyncSync(opened);
  closeSync(opened);
}

/** @returns why a file is no complete database of this program; null when it is one. */
function problemOf(file: string): string | null {
  try {
    const database = new Database(file, { readonly: true, fileMustExist: true });
    try {
      const [found] = database.pragma("integrity_check") as { integrity_check: string }[];
      if (found?.integrity_check !== "ok") return found?.integrity_check.slice(0, 200) ?? "nothing is in it";
      const tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('migrations', 'subscribers', 'audit_events')";
      return database.prepare(tables).pluck().get() === 3 ? null : "the tables of this program are not in it";
    } finally {
      database.close();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Puts a backup in the place of an SQLite database. Everybody has to sign in anew: sessions that were ended since the backup must
 * not live again. What was there is kept beside it.
 *
 * @param known - The migrations of this program.
 * @param at - Goes into the name of what is kept.
 * @returns the file that was replaced; null where there was none.
 * @throws BackupRefused when the file is not whole or of a newer program, or while a process has the database open.
 */
export async function restoreSqlite(
  file: string,
  to: string,
  known: readonly string[],
  at: Date,
): Promise<string | null> {
  const problem = problemOf(file);
  if (problem !== null) throw new BackupRefused(`${file} is no complete backup: ${problem}`);
  mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
  const arriving = `${to}.restoring`;
  rmSync(arriving, { force: true });
  try {
    await backUpSqlite(file, arriving, () => undefined);
    const database = new Database(arriving);
    const done = database.prepare("SELECT name FROM migrations").pluck().all() as string[];
    const newer = done.filter((name) => !known.includes(name));
    if (newer.length === 0) database.exec("UPDATE subscribers SET epoch = epoch + 1");
    database.close();
    if (newer.length > 0) throw new BackupRefused(`${file} is of a newer release: it has ${newer.join(", ")}`);
    return replace(arriving, to, at);
  } finally {
    removeWithLogs(arriving);
  }
}

function replace(arriving: string, to: string, at: Date): string | null {
  if (!existsSync(to)) {
    linkNew(arriving, to);
    return null;
  }
  const kept = `${to}.replaced-${at.toISOString().replace(/\D/g, "").slice(0, 14)}`;
  const free = holdAlone(to);
  try {
    linkNew(to, kept);
    // A process that was killed, or a broken file, leaves a log, which must not be taken for that of the new file.
    if (existsSync(`${to}-wal`)) renameSync(`${to}-wal`, `${kept}-wal`);
    rmSync(`${to}-shm`, { force: true });
    renameSync(arriving, to);
  } finally {
    free();
  }
  return kept;
}

/** @returns what gives it up. @throws BackupRefused while any process has the database open. */
function holdAlone(file: string): () => void {
  const database = new Database(file, { timeout: 0 });
  try {
    database.pragma("locking_mode = EXCLUSIVE");
    // Leaving the log behind needs to be the only one: in that mode each open connection holds a lock of its own.
    database.pragma("journal_mode = DELETE");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    const { code } = error as { code?: string };
    // What cannot be read as a database is nobody's.
    if (code === "SQLITE_NOTADB" || code === "SQLITE_CORRUPT") return () => undefined;
    if (code?.startsWith("SQLITE_BUSY") === true || code === "SQLITE_LOCKED")
      throw new BackupRefused(`${path.basename(file)} is in use: stop web and worker first`);
    throw error;
  }
  return () => database.close();
}

/** Gives a whole file its name, which nothing may have. */
function linkNew(file: string, name: string): void {
  try {
    linkSync(file, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new BackupRefused(`${name} is there already: nothing is written over`);
  }
}

function removeWithLogs(file: string): void {
  for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true });
}
