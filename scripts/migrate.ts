import { driverErrorOf } from "../src/database/errors.js";
import { migrateDatabase } from "../src/database/migrate.js";
import { ConfigError, loadConfig } from "../src/config.js";

/** Brings the database to the present tables; says what it did; safe to run again, and at the same time as another one. */
async function migrate(): Promise<void> {
  const { databaseUrl } = loadConfig(process.env);
  const done = await migrateDatabase(databaseUrl, () => {
    console.log("The database is in use by another migration, or has no room: waiting.");
  });
  console.log(done.length === 0 ? "The database is up to date." : `Migrated: ${done.join(", ")}`);
}

migrate().catch((error: unknown) => {
  console.error(
    error instanceof ConfigError ? error.message : `The database could not be migrated: ${driverErrorOf(error).reason}`,
  );
  process.exitCode = error instanceof ConfigError ? ConfigError.exitCode : 1;
});
