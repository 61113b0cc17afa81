import path from "node:path";

import { backUpSqlite, BackupRefused, restoreSqlite } from "../../src/database/backup.js";
import { tablesAreCurrent } from "../../src/database/readiness.js";
import type { Config } from "../../src/config.js";
import { CannotBeDone, type Command } from "./command.js";

/** Under which the history has what operators did to the database. */
export const DATABASE = "database";

const OF_POSTGRES = {
  backup: (file: string) => `pg_dump --format=custom --file=${file} "$DATABASE_URL"`,
  restore: (file: string) =>
    `pg_restore --clean --if-exists --no-owner --single-transaction --dbname="$DATABASE_URL" ${file}`,
};

/** The file of the database. @throws CannotBeDone with the command that does the same for PostgreSQL. */
function sqliteFile({ databaseUrl }: Config, act: keyof typeof OF_POSTGRES, file: string): string {
  if (databaseUrl.startsWith("sqlite:")) return path.resolve(databaseUrl.slice("sqlite:".length));
  const stopped = act === "restore" ? "Stop web and worker, then run" : "Run";
  throw new CannotBeDone(`The database is PostgreSQL. ${stopped}: ${OF_POSTGRES[act](file)}`);
}

async function orRefused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackupRefused) throw new CannotBeDone(`${error.message}.`);
    throw error;
  }
}

function showProgress(part: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${Math.floor(part * 100)} %`);
}

/** Copies of the database, and the way back. */
export const DATABASE_COMMANDS: Readonly<Record<string, Command>> = {
  backup: {
    words: 1,
    run: async ({ deps }, config, [file = ""]) => {
      const from = sqliteFile(config, "backup", file);
      await orRefused(() => backUpSqlite(from, path.resolve(file), showProgress));
      await deps.audit.recordOfApplication(DATABASE, "backed-up", deps.now(), path.basename(file));
      return {
        rows: [{ database: from, backup: path.resolve(file) }],
        message: "It is whole. Guard it as the database.",
      };
    },
  },
  restore: {
    words: 1,
    database: "not opened",
    run: async (services, config, [file = ""]) => {
      const { database, deps } = services;
      const to = sqliteFile(config, "restore", file);
      const known = (database.options.migrations as { name: string }[]).map(({ name }) => name);
      const kept = await orRefused(() => restoreSqlite(path.resolve(file), to, known, new Date()));
      await services.open(AbortSignal.abort());
      await deps.audit.recordOfApplication(DATABASE, "restored", deps.now(), path.basename(file));
      const isCurrent = await tablesAreCurrent(database);
      const next = isCurrent ? "" : " Its tables are of an older release: run `npm run migrate`.";
      return {
        rows: [{ database: to, restored: path.resolve(file), replaced: kept ?? "" }],
        message: `Everybody has to sign in anew.${next}`,
      };
    },
  },
};
