import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { it, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";

import { openDatabase } from "../../src/database/data-source.js";
import { isDatabaseAway } from "../../src/database/errors.js";
import { factors } from "../../src/database/factors.js";
import { failures } from "../../src/database/failures.js";
import { databaseRows } from "../../src/database/rows.js";
import { subscribers } from "../../src/database/subscribers.js";
import { DatabaseAway } from "../../src/domain/errors.js";

const NOW = new Date();

/** A migrated SQLite file with one account, and another process's connection to it. */
async function twoProcesses(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-locked-"));
  const file = path.join(folder, "test.sqlite");
  const database = await openDatabase(`sqlite:${file}`);
  await database.runMigrations();
  const other = new Database(file);
  t.after(async () => {
    other.close();
    await database.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  const accounts = subscribers(database);
  const who = { id: "a", username: "ann", usernameKey: "ann", email: "", passwordHash: "$old" };
  await accounts.insert({ ...who, lastSuccessAt: NOW, createdAt: NOW });
  return { accounts, phones: factors(database), counts: failures(database), rows: databaseRows(database), other };
}

/** How late a thread that does nothing gets its turns: that is the machine's, and no fault of what is tested. */
async function watchFromOutside(t: TestContext): Promise<{ lateMs(): Promise<number> }> {
  const thread = new Worker(
    `const { monitorEventLoopDelay } = require("node:perf_hooks");
     const { parentPort } = require("node:worker_threads");
     const lag = monitorEventLoopDelay({ resolution: 5 });
     lag.enable();
     parentPort.on("message", () => parentPort.postMessage(lag.max / 1e6));
     parentPort.postMessage("watching");`,
    { eval: true },
  );
  t.after(async () => {
    await thread.terminate();
  });
  await once(thread, "message");
  return {
    async lateMs() {
      thread.postMessage("how late?");
      const [ms] = (await once(thread, "message")) as [number];
      return ms;
    },
  };
}

it("F14: refuses writes in time, goes on reading and never blocks while another process holds the database", async (t) => {
  const { accounts, phones, other } = await twoProcesses(t);
  const bystander = await watchFromOutside(t);
  const lag = monitorEventLoopDelay({ resolution: 5 });
  other.exec("BEGIN EXCLUSIVE");
  lag.enable();
  const startedAt = performance.now();
  const writes = Array.from({ length: 60 }, (_, n) =>
    (n % 2 === 0 ? accounts.nextEpoch("a") : phones.remove("a", NOW)).then(
      () => ({ isAway: false, ms: 0 }),
      (error: unknown) => ({ isAway: isDatabaseAway(error), ms: performance.now() - startedAt }),
    ),
  );
  const read = await accounts.findByName("ann");
  const readMs = performance.now() - startedAt;
  const refused = await Promise.all(writes);
  lag.disable();
  other.exec("ROLLBACK");
  const machineMs = await bystander.lateMs();

  assert.equal(read?.epoch, 1);
  const within = (ms: number, promisedMs: number, what: string): void => {
    assert.ok(ms < promisedMs + 5 * machineMs, `${what} took ${ms} ms, and the machine is ${machineMs} ms late`);
  };
  within(readMs, 700, "reading");
  assert.ok(
    refused.every(({ isAway }) => isAway),
    "every write is refused as long as the database is held",
  );
  within(Math.max(...refused.map(({ ms }) => ms)), 2500, "refusing");
  within(lag.max / 1e6, 250, "one turn of the event loop");

  await accounts.nextEpoch("a");
  assert.equal(await phones.remove("a", NOW), false);
  assert.equal((await accounts.find("a"))?.epoch, 2, "and nothing of the refused is done later");
});

it("F16: waits for another process that is done within a second", async (t) => {
  const { accounts, phones, other } = await twoProcesses(t);
  other.exec("BEGIN IMMEDIATE");
  const writes = [...Array.from({ length: 10 }, () => accounts.nextEpoch("a")), phones.remove("a", NOW)];
  setTimeout(() => other.exec("COMMIT"), 500);
  await Promise.all(writes);
  assert.equal((await accounts.find("a"))?.epoch, 11);
});

it("F14: gives a right password's try back later, when the database was held just then", async (t) => {
  const { counts, other } = await twoProcesses(t);
  const limits = { failureLimit: 100, failureWaitSeconds: 30, failureWaitMaxSeconds: 3600 };
  const left = (): unknown => other.prepare("SELECT count FROM failure_counts WHERE bucket = 'name:ann'").pluck().get();
  for (let tries = 0; tries < 3; tries++) await counts.take("name:ann", NOW, limits);
  other.exec("BEGIN IMMEDIATE");
  await Promise.all([1, 2].map(() => assert.rejects(counts.giveBack("name:ann"), isDatabaseAway)));
  other.exec("ROLLBACK");
  assert.equal(left(), 3);
  await counts.take("name:bob", NOW, limits);
  assert.equal(left(), 1);
});

it("F14: tells the rules that the database is away, in a transaction too, and leaves every other error alone", async (t) => {
  const { rows, other } = await twoProcesses(t);
  other.exec("BEGIN IMMEDIATE");
  await Promise.all([
    assert.rejects(rows.subscribers.nextEpoch("a"), DatabaseAway),
    assert.rejects(
      rows.transaction((inside) => inside.subscribers.nextEpoch("a")),
      DatabaseAway,
    ),
  ]);
  other.exec("ROLLBACK");
  const mistake = new Error("a mistake of the rules");
  await assert.rejects(
    rows.transaction(() => Promise.reject(mistake)),
    mistake,
  );
  await rows.subscribers.nextEpoch("a");
  assert.equal((await rows.subscribers.find("a"))?.epoch, 2);
});
