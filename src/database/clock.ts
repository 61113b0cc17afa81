import type { DataSource } from "typeorm";

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
      const asked = Date.now();
      const [row] = await database.query<{ ms: string }[]>(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms",
      );
      const answered = Date.now();
      if (row !== undefined) offsetMs = Number(row.ms) - (asked + answered) / 2;
      if (Math.abs(offsetMs) < 50) offsetMs = 0; // within what the question itself takes
    },
  };
}
