import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { DataSource } from "typeorm";

const CHECKPOINT_EVERY_MS = 500;

/**
 * Empties SQLite's log (WAL) into its file, as far as nobody reads it. It waits for the disk, so that it runs in a thread:
 * who answers browsers never does. A checkpoint that fails, say on a full disk, is tried again at the next turn.
 */
const THREAD = `
const { workerData } = require("node:worker_threads");
const database = require(workerData.driver)(workerData.file, { timeout: 0 });
setInterval(() => {
  try {
    database.pragma("wal_checkpoint(PASSIVE)");
  } catch {}
}, workerData.everyMs);
`;

/**
 * Starts the thread for a database of SQLite; PostgreSQL has processes for that.
 *
 * @returns what ends it
 */
export function startCheckpoints({ options }: DataSource): () => Promise<unknown> {
  if (options.type !== "better-sqlite3") return () => Promise.resolve();
  const driver = fileURLToPath(import.meta.resolve("better-sqlite3"));
  const thread = new Worker(THREAD, {
    eval: true,
    workerData: { driver, file: options.database, everyMs: CHECKPOINT_EVERY_MS },
  });
  thread.unref();
  // Without it the process does it itself, at PAGES_BEFORE_OWN_CHECKPOINT.
  thread.on("error", () => undefined);
  return () => thread.terminate();
}
