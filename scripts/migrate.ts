import { openDatabase } from "../src/database/data-source.js";
import { ConfigError, loadConfig } from "../src/config.js";

/** Brings the database to the present tables; says what it did; safe to run again. */
async function migrate(): Promise<void> {
  const { databaseUrl } = loadConfig(process.env);
  const database = await openDatabase(databaseUrl);
  try {
    const done = await database.runMigrations({ transaction: "each" });
    console.log(done.length === 0 ? "The database is up to date." : `Migrated: ${done.map((m) => m.name).join(", ")}`);
  } finally {
    await database.destroy();
  }
}

migrate().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : `The database could not be migrated: ${String(error)}`);
  process.exitCode = error instanceof ConfigError ? ConfigError.exitCode : 1;
});
