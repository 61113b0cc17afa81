import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { DataSource, type DataSourceOptions, DefaultNamingStrategy } from "typeorm";
import type Database from "better-sqlite3";

import { Tables1769900000000 } from "./migrations/1769900000000-tables.js";
import { StrangersSuccess1769900100000 } from "./migrations/1769900100000-strangers-success.js";
import { postgresAddress } from "./address.js";
import { SharingPool } from "./postgres-pool.js";
import { OpenAttempts1769900200000 } from "./migrations/1769900200000-open-attempts.js";
import { SeveralFactors1769900300000 } from "./migrations/1769900300000-several-factors.js";
import { TotpSecrets1769900400000 } from "./migrations/1769900400000-totp-secrets.js";
import { OwnPhones1769900500000 } from "./migrations/1769900500000-own-phones.js";
import { Passkeys1769900600000 } from "./migrations/1769900600000-passkeys.js";
import { Reach1769900700000 } from "./migrations/1769900700000-reach.js";
import { Moving1769900800000 } from "./migrations/1769900800000-moving.js";
import { Applications1769901000000 } from "./migrations/1769901000000-applications.js";
import { OpenIdConnect1769901200000 } from "./migrations/1769901200000-openid-connect.js";
import { Mail1769901500000 } from "./migrations/1769901500000-mail.js";
import { ForeignHashes1770000210000 } from "./migrations/1770000210000-foreign-hashes.js";
import { Closing1770000200000 } from "./migrations/1770000200000-closing.js";
import { Gate1769901010000 } from "./migrations/1769901010000-gate.js";
import { Languages1770000000000 } from "./migrations/1770000000000-languages.js";
import { PhoneVerification1770000100000 } from "./migrations/1770000100000-phone-verification.js";
import { WorkerIndexes1770000400000 } from "./migrations/1770000400000-worker-indexes.js";
import { DeviceCodes1770000300000 } from "./migrations/1770000300000-device-codes.js";
import { AskedWords1770000410000 } from "./migrations/1770000410000-asked-words.js";
import { TimeZones1770000411000 } from "./migrations/1770000411000-time-zones.js";
import { entities } from "./schema.js";
import { serializeSqlite } from "./serialize-sqlite.js";

class SnakeCase extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string | undefined): string {
    return customName ?? propertyName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}

/** How a database is used; by the program, unless said otherwise. */
export interface DatabaseUse {
  /** The most connections to PostgreSQL at once. */
  readonly poolSize?: number;
  /** True where a statement may take long: a change of the tables. */
  readonly isPatient?: boolean;
}

/**
 * The options of one database.
 *
 * @param url - `sqlite:PATH` or `postgres://…`
 * @throws WrongPostgresAddress
 */
export function dataSourceOptions(
  url: string,
  { poolSize = 10, isPatient = false }: DatabaseUse = {},
): DataSourceOptions {
  const isPostgres = /^postgres(ql)?:/.test(url);
  const common = {
    entities: entities(isPostgres),
    migrations: [
      Tables1769900000000,
      StrangersSuccess1769900100000,
      OpenAttempts1769900200000,
      SeveralFactors1769900300000,
      TotpSecrets1769900400000,
      OwnPhones1769900500000,
      Passkeys1769900600000,
      Reach1769900700000,
      Moving1769900800000,
      Applications1769901000000,
      Gate1769901010000,
      OpenIdConnect1769901200000,
      Mail1769901500000,
      Languages1770000000000,
      PhoneVerification1770000100000,
      Closing1770000200000,
      ForeignHashes1770000210000,
      DeviceCodes1770000300000,
      WorkerIndexes1770000400000,
      AskedWords1770000410000,
      TimeZones1770000411000,
    ],
    migrationsTableName: "migrations",
    namingStrategy: new SnakeCase(),
    synchronize: false,
    logging: false,
  };
  if (isPostgres)
    return {
      ...common,
      type: "postgres",
      driver: { Pool: SharingPool },
      poolSize,
      extra: { ...postgresAddress(url), keepAlive: true, isPatient },
    };
  return {
    ...common,
    type: "better-sqlite3",
    database: url.replace(/^sqlite:/, ""),
    enableWAL: true,
    // A waiting statement stops the whole process: wait little here, and again without blocking (serialize-sqlite.ts).
    timeout: 5,
    prepareDatabase: (database: Database.Database) => {
      database.pragma("foreign_keys = ON");
      database.pragma("synchronous = NORMAL");
      database.pragma(`wal_autocheckpoint = ${PAGES_BEFORE_OWN_CHECKPOINT}`);
    },
  };
}

/** Web processes empty the log in a thread (checkpoints.ts); where none does, whoever writes does it at 16 MB, not SQLite's 4. */
const PAGES_BEFORE_OWN_CHECKPOINT = 4000;

/** Node's own recursive mkdir goes round for ever where a parent can be seen and not written to, as under /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Web and worker may start together.
    if (!existsSync(folder)) throw error;
  }
}

/** Opens the database; the folder of an SQLite file is made when it is missing. May be called again when it failed. */
export async function connect(database: DataSource): Promise<DataSource> {
  const { options } = database;
  if (options.type === "better-sqlite3" && options.database !== ":memory:")
    makeFolder(path.dirname(path.resolve(options.database)));
  return serializeSqlite(await database.initialize());
}

/** Opens the database of one address. */
export function openDatabase(url: string, use?: DatabaseUse): Promise<DataSource> {
  return connect(new DataSource(dataSourceOptions(url, use)));
}
