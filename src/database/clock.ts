import type { DataSource } from "typeorm";

import { clockAheadMs } from "./readiness.js";

/**
 * The database's idea of now, so that hosts whose clocks differ agree on what is over. SQLite shares the host's clock;
 * PostgreSQL is asked now and then, and the difference is kept.
 */
export function databaseClock(database: DataSource): { now: () => Date; adjust: () => Promise<void> } {
  let offsetMs = 0;
  return {
    now: () => new Date(Date.now() + offsetMs),
    async adjust() {
      if (database.options.type !== "postgres") return;
      offsetMs = await clockAheadMs(database, Date.now);
      if (Math.abs(offsetMs) < 50) offsetMs = 0; // within what the question itself takes
    },
  };
}
