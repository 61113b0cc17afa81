import { openDatabase } from "../src/database/data-source.js";
import { driverErrorOf } from "../src/database/errors.js";
import { migrateDatabase } from "../src/database/migrate.js";
import { databaseRows } from "../src/database/rows.js";
import { type Config, ConfigError, loadConfig } from "../src/config.js";
import { renewKeys } from "../src/oidc/keys.js";
import { createLog } from "../src/create-log.js";

/** Brings the database to the present tables; says what it did; safe to run again, and at the same time as another one. */
async function migrate(): Promise<void> {
  const config = loadConfig(process.env);
  const done = await migrateDatabase(config.databaseUrl, () => {
    console.log("The database is in use by another migration, or has no room: waiting.");
  });
  await makeSigningKeys(config);
  console.log(done.length === 0 ? "The database is up to date." : `Migrated: ${done.join(", ")}`);
}

/** The keys that sign ID tokens are there before the first client asks for them. */
async function makeSigningKeys({ databaseUrl, sessionKeys, oidc }: Config): Promise<void> {
  const database = await openDatabase(databaseUrl, { poolSize: 1, isPatient: true });
  try {
    const { signingKeys } = databaseRows(database);
    await renewKeys({ signingKeys, log: createLog("warn", "migrate"), now: () => new Date() }, sessionKeys, oidc);
  } finally {
    await database.destroy();
  }
}

migrate().catch((error: unknown) => {
  console.error(
    error instanceof ConfigError ? error.message : `The database could not be migrated: ${driverErrorOf(error).reason}`,
  );
  process.exitCode = error instanceof ConfigError ? ConfigError.exitCode : 1;
});
