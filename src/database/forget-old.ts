import { type DataSource, LessThan } from "typeorm";

const DAY_MS = 86_400_000;

/** Removes what nobody needs any more; short statements, so that others get their turn in between. */
export async function forgetOld(database: DataSource, now: Date): Promise<void> {
  const ago = (ms: number): Date => new Date(now.getTime() - ms);
  const steps: [string, string, Date][] = [
    ["receipt", "receivedAt", ago(10 * 60_000)],
    ["failure", "lastAt", ago(2 * DAY_MS)],
    ["session", "idleUntil", ago(7 * DAY_MS)],
    ["attempt", "createdAt", ago(7 * DAY_MS)],
    ["challenge", "createdAt", ago(7 * DAY_MS)],
    ["enrolment", "createdAt", ago(7 * DAY_MS)],
    ["audit", "at", ago(400 * DAY_MS)],
  ];
  for (const [entity, column, before] of steps) {
    await database.getRepository(entity).delete({ [column]: LessThan(before) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await database.query("DELETE FROM attempt_keys WHERE attempt_id NOT IN (SELECT id FROM attempts)");
}
