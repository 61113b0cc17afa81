import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it, type TestContext } from "node:test";
import Database from "better-sqlite3";

import { startCheckpoints } from "../../src/database/checkpoints.js";
import { openDatabase } from "../../src/database/data-source.js";
import type { DirectSqlite } from "../../src/database/direct-sqlite.js";
import { driverErrorOf } from "../../src/database/errors.js";
import { directWayTo } from "../../src/database/serialize-sqlite.js";
import { until } from "../kit/until.js";

/** An SQLite file with one table of unique notes, the direct way to it, and another process's connection. */
async function openNotes(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-direct-"));
  const file = path.join(folder, "notes.sqlite");
  const database = await openDatabase(`sqlite:${file}`);
  const other = new Database(file);
  t.after(async () => {
    other.close();
    await database.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  await database.query("CREATE TABLE notes (text TEXT UNIQUE)");
  const direct = directWayTo(database);
  assert.ok(direct);
  return {
    ...{ database, direct, other },
    /** What another process finds, which sees only what was committed. */
    committed: () => other.prepare("SELECT text FROM notes ORDER BY text").pluck().all(),
  };
}

const INSERT = "INSERT INTO notes VALUES (?) RETURNING text";

function insert(direct: DirectSqlite, ...texts: string[]): Promise<string[]> {
  const outcomes = texts.map((text) => direct.write(INSERT, [text]));
  return Promise.all(
    outcomes.map((outcome) =>
      outcome.then(
        (rows) => (rows as { text: string }[]).map((row) => row.text).join(),
        (error: unknown) => driverErrorOf(error).code,
      ),
    ),
  );
}

it("F16: gives each of the writes of one turn its own outcome", async (t) => {
  const { direct, committed } = await openNotes(t);
  assert.deepEqual(await insert(direct, "a", "b", "a", "c"), ["a", "b", "SQLITE_CONSTRAINT_UNIQUE", "c"]);
  assert.deepEqual(committed(), ["a", "b", "c"]);
  assert.deepEqual(await insert(direct, "c"), ["SQLITE_CONSTRAINT_UNIQUE"]);
});

it("F16: tells no outcome before all of them are committed", async (t) => {
  const { direct, committed } = await openNotes(t);
  const seen = ["a", "b", "c"].map((text) => direct.write(INSERT, [text]).then(committed));
  assert.deepEqual(committed(), []);
  for (const found of await Promise.all(seen)) assert.deepEqual(found, ["a", "b", "c"]);
});

it("F16: does none of them where SQLite refuses the commit, or rolls back by itself", async (t) => {
  const { database, direct, committed } = await openNotes(t);
  await database.query("CREATE TABLE of_note (text TEXT REFERENCES notes (text) DEFERRABLE INITIALLY DEFERRED)");
  await insert(direct, "a");
  for (const [sql, value] of [
    ["INSERT INTO of_note VALUES (?) RETURNING text", "of no note"],
    ["INSERT OR ROLLBACK INTO notes VALUES (?) RETURNING text", "a"],
  ] as const) {
    const all = [direct.write(INSERT, ["b"]), direct.write(sql, [value]), direct.write(INSERT, ["c"])];
    for (const each of await Promise.allSettled(all)) assert.equal(each.status, "rejected", sql);
    assert.deepEqual(committed(), ["a"]);
  }
  assert.deepEqual(await insert(direct, "b"), ["b"]);
});

it("F14: waits for another process that is done soon", async (t) => {
  const { direct, other, committed } = await openNotes(t);
  other.exec("BEGIN EXCLUSIVE");
  setTimeout(() => other.exec("COMMIT"), 50);
  assert.deepEqual(await insert(direct, "a", "b"), ["a", "b"]);
  assert.deepEqual(committed(), ["a", "b"]);
});

it("F16: neither reads nor joins what an open transaction has written", async (t) => {
  const { database, direct, committed } = await openNotes(t);
  let read: Promise<unknown[]> | undefined;
  let written: Promise<string[]> | undefined;
  const refused = database.transaction(async (rows) => {
    await rows.query("INSERT INTO notes VALUES ('never')");
    read = direct.read("SELECT text FROM notes", []);
    written = insert(direct, "a", "b");
    await new Promise((resolve) => setTimeout(resolve, 20));
    throw new Error("the rule says no");
  });
  await assert.rejects(refused, /the rule says no/);
  assert.deepEqual(await read, []);
  assert.deepEqual(await written, ["a", "b"]);
  assert.deepEqual(committed(), ["a", "b"]);
  assert.deepEqual(await direct.read("SELECT text FROM notes WHERE text = ?", ["a"]), [{ text: "a" }]);
});

it("stands still for no checkpoint: a thread empties the log into the file", async (t) => {
  const { database } = await openNotes(t);
  const { database: file } = database.options as { database: string };
  const six = 6_000_000;
  await database.query("INSERT INTO notes VALUES (randomblob(?))", [six]);
  assert.ok(statSync(file).size < six);
  t.after(startCheckpoints(database));
  await until(() => statSync(file).size > six, "the log was not emptied into the file");
});
