import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { promisify } from "node:util";

import { onBothDatabases } from "./both.js";

const run = promisify(execFile);

onBothDatabases("migrations", (store, url) => {
  it("leave tables that are exactly what the entities say", async () => {
    const typeorm = ["--import", "tsx", "node_modules/typeorm/cli.js", "migration:generate"];
    const check = [...typeorm, "-d", "ormconfig.ts", "--check", "src/database/migrations/drift"];
    const { stdout } = await run(process.execPath, check, { env: { ...process.env, DATABASE_URL: url() } });
    assert.match(stdout, /No changes in database schema/);
  });

  it("can be undone and done again", async () => {
    const { database } = store();
    const count = database.migrations.length;
    for (let undone = 0; undone < count; undone++) await database.undoLastMigration();
    assert.equal((await database.runMigrations()).length, count);
    assert.equal(await database.showMigrations(), false);
  });

  it("take tables of either build of the release before: with a column for device codes, and without", async () => {
    const { database } = store();
    const names = () => database.migrations.map(({ name }) => name);
    const from = names().findIndex((name) => name?.startsWith("DeviceCodes"));
    for (const isThere of [true, false]) {
      for (let undone = names().length; undone > from; undone -= 1) await database.undoLastMigration();
      if (!isThere) {
        await database.query("DROP INDEX oidc_records_user_code");
        await database.query("ALTER TABLE oidc_records DROP COLUMN user_code_hash");
      }
      assert.equal((await database.runMigrations()).length, names().length - from);
      assert.deepEqual(await database.query("SELECT user_code_hash FROM oidc_records"), []);
    }
  });
});
