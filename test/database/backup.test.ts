import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import Database from "better-sqlite3";

import { backUpSqlite, BackupRefused, restoreSqlite } from "../../src/database/backup.js";
import { openDatabase } from "../../src/database/data-source.js";
import { rowsIn } from "../../src/database/rows.js";
import { anOwner, type Store } from "./both.js";

const folder = mkdtempSync(path.join(tmpdir(), "countersign-backup-"));
const place = (name: string): string => path.join(folder, name);
const live = place("live.sqlite");
const program = await openDatabase(`sqlite:${live}`);
await program.runMigrations();
await anOwner({ ...rowsIn(program.manager), database: program } as Store);
const known = program.migrations.map(({ name = "" }) => name);
const AT = new Date("2026-11-30T10:00:00.000Z");
after(async () => {
  await program.destroy();
  rmSync(folder, { recursive: true, force: true });
});

const still = (): void => undefined;
const refused = (text: RegExp) => (error: unknown) => error instanceof BackupRefused && text.test(error.message);

function restore(file: string, to: string): Promise<string | null> {
  return restoreSqlite(place(file), place(to), known, AT);
}

describe("O3: a backup of SQLite", () => {
  it("O3 is of one moment, whole, and its owner's, also while others write", async () => {
    await program.query("CREATE TABLE filler AS SELECT 0 AS turn, randomblob(3000) AS bytes");
    for (let n = 0; n < 12; n += 1) await program.query("INSERT INTO filler SELECT 0, randomblob(3000) FROM filler");
    let [turn, isDone] = [0, false];
    const writing = (async () => {
      while (!isDone) {
        await program.query(`UPDATE filler SET turn = ${++turn}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const parts: number[] = [];
    await backUpSqlite(live, place("first"), (part) => parts.push(part));
    isDone = true;
    await writing;
    assert.ok(parts.length > 1 && turn > 1, `${parts.length} steps, ${turn} writes`);
    assert.equal(statSync(place("first")).mode & 0o777, 0o600);
    const copy = new Database(place("first"), { readonly: true });
    assert.deepEqual(copy.pragma("integrity_check"), [{ integrity_check: "ok" }]);
    assert.equal(copy.prepare("SELECT count(DISTINCT turn) FROM filler").pluck().get(), 1);
    copy.close();
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("first")),
      ["first"],
    );
    await program.query("DROP TABLE filler");
  });

  it("O3 writes over nothing, and leaves nothing behind that is not whole", async () => {
    writeFileSync(place("taken"), "mine");
    await assert.rejects(backUpSqlite(live, place("taken"), still), refused(/there already/));
    writeFileSync(place("broken.part"), "");
    await assert.rejects(backUpSqlite(live, place("broken"), still), refused(/broken off/));
    await assert.rejects(backUpSqlite(place("taken"), place("none"), still));
    assert.deepEqual([existsSync(place("none")), existsSync(place("none.part"))], [false, false]);
  });
});

describe("O4: restoring", () => {
  it("O4 takes a backup to a new place, where nobody is signed in", async () => {
    assert.equal(await restore("first", "new.sqlite"), null);
    assert.equal(statSync(place("new.sqlite")).mode & 0o777, 0o600);
    const found = new Database(place("new.sqlite"), { readonly: true });
    assert.equal(found.prepare("SELECT epoch FROM subscribers").pluck().get(), 2);
    found.close();
  });

  it("O4 refuses what is half written, of another program, or of a newer release", async () => {
    copyFileSync(place("first"), place("half"));
    truncateSync(place("half"), Math.floor(statSync(place("half")).size / 2));
    await assert.rejects(restore("half", "x.sqlite"), refused(/no complete backup/));
    writeFileSync(place("words"), "these are words, and no database at all".repeat(100));
    await assert.rejects(restore("words", "x.sqlite"), refused(/no complete backup/));
    writeFileSync(place("nothing"), "");
    await assert.rejects(restore("nothing", "x.sqlite"), refused(/not in it/));
    copyFileSync(place("first"), place("newer"));
    const newer = new Database(place("newer"));
    newer.exec("INSERT INTO migrations (timestamp, name) VALUES (1999999999999, 'Tomorrow1999999999999')");
    newer.close();
    await assert.rejects(restore("newer", "x.sqlite"), refused(/newer release: it has Tomorrow/));
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("x.sqlite")),
      [],
    );
  });

  it("O4 refuses while a process has the database open, and keeps what was there", async () => {
    await assert.rejects(restore("first", "live.sqlite"), refused(/in use/));
    assert.equal((await program.query<unknown[]>("SELECT 1")).length, 1, "it goes on");
    const there = await openDatabase(`sqlite:${place("new.sqlite")}`);
    await there.query("CREATE TABLE of_before (x)");
    await assert.rejects(restore("first", "new.sqlite"), refused(/in use/));
    await there.destroy();
    const kept = await restore("first", "new.sqlite");
    assert.equal(kept, place("new.sqlite.replaced-20261130100000"));
    for (const [file, tables] of [
      [kept, 1],
      [place("new.sqlite"), 0],
    ] as const) {
      const found = new Database(file, { readonly: true });
      assert.equal(found.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'of_before'").pluck().get(), tables);
      found.close();
    }
  });

  it("O4 replaces a file that is broken, and leaves its log beside nothing", async () => {
    writeFileSync(place("broken.sqlite"), "no database".repeat(1000));
    writeFileSync(place("broken.sqlite-wal"), "its log");
    const kept = (await restore("first", "broken.sqlite")) ?? "";
    assert.deepEqual([existsSync(kept), existsSync(place("broken.sqlite-wal"))], [true, false]);
    const found = new Database(place("broken.sqlite"), { readonly: true });
    assert.deepEqual(found.pragma("integrity_check"), [{ integrity_check: "ok" }]);
    found.close();
  });
});
