import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import Database from "better-sqlite3";

import { openDatabase } from "../../src/database/data-source.js";
import { driverErrorOf, isDatabaseAway } from "../../src/database/errors.js";

const folder = mkdtempSync(path.join(tmpdir(), "countersign-full-"));
const file = path.join(folder, "full.sqlite");
const database = await openDatabase(`sqlite:${file}`);
const other = new Database(file);
after(async () => {
  other.close();
  await database.destroy();
  rmSync(folder, { recursive: true, force: true });
});

const LARGE = "x".repeat(50_000);

function insert(text: string): Promise<unknown> {
  return database.transaction((rows) => rows.query("INSERT INTO notes VALUES (?)", [text]));
}

/** What another process finds, which sees only what was committed. */
function committed(): unknown[] {
  return other.prepare("SELECT text FROM notes").pluck().all();
}

describe("an SQLite file that can grow no more", () => {
  it("K12 refuses what is too much as a database that is away, and keeps whatever was answered with success", async () => {
    await database.query("CREATE TABLE notes (text)");
    const pages = await database.query<{ page_count: number }[]>("PRAGMA page_count");
    const setMost = (most: number): Promise<unknown> => database.query(`PRAGMA max_page_count = ${most}`);
    await setMost(pages[0]?.page_count ?? 0);
    for (const attempt of [() => insert(LARGE), () => database.query("INSERT INTO notes VALUES (?)", [LARGE])])
      await assert.rejects(attempt, (error) => driverErrorOf(error).code === "SQLITE_FULL" && isDatabaseAway(error));
    await insert("small");
    assert.deepEqual(committed(), ["small"]);

    await setMost(1_000_000);
    const refused = database.transaction(async (rows) => {
      await rows.query("INSERT INTO notes VALUES ('never')");
      throw new Error("the rule says no");
    });
    await assert.rejects(refused, /the rule says no/);
    await insert(LARGE);
    assert.deepEqual(committed(), ["small", LARGE]);
    other.prepare("INSERT INTO notes VALUES ('others may write')").run();
    assert.equal(committed().length, 3);
  });
});
