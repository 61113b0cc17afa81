import { pino } from "pino";

import type { Config } from "./config.js";
import type { Log } from "./domain/deps.js";

/** JSON lines on standard output; only fields that we chose ever reach it. */
export function createLog(level: Config["logLevel"], name: string): Log {
  const options = { level, base: { process: name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  // Written at once: pino's buffered form waits for ever at exit when the reader of the log has gone away.
  return pino(options, pino.destination({ dest: 1, sync: true }));
}
