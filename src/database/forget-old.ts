import { type DataSource, LessThan } from "typeorm";

import { type ChallengeRow, type FailureRow } from "./schema.js";

const DAY_MS = 86_400_000;

/** A bucket with so many failures costs a guesser days to fill: it is kept for a month, not for two days. */
const FAILURES_WORTH_KEEPING = 50;

const COUNTS_AGAINST_A_BUDGET = `SELECT 1 FROM subscribers u WHERE u.id = challenges.subscriber_id
  AND challenges.created_at >
    CASE WHEN challenges.is_known_browser THEN u.last_success_at ELSE coalesce(u.strangers_success_at, u.created_at) END`;

/** Removes what nobody needs any more; short statements, so that others get their turn in between. */
export async function forgetOld(database: DataSource, now: Date): Promise<void> {
  const ago = (ms: number): Date => new Date(now.getTime() - ms);
  const steps: [string, string, Date][] = [
    ["receipt", "receivedAt", ago(10 * 60_000)],
    ["session", "idleUntil", ago(7 * DAY_MS)],
    ["attempt", "createdAt", ago(7 * DAY_MS)],
    ["enrolment", "createdAt", ago(7 * DAY_MS)],
    ["audit", "at", ago(400 * DAY_MS)],
  ];
  for (const [entity, column, before] of steps) {
    await database.getRepository(entity).delete({ [column]: LessThan(before) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Nothing but a success renews a budget: what counts against one stays.
  await database
    .getRepository<FailureRow>("failure")
    .createQueryBuilder()
    .delete()
    .where("last_at < :old AND (count < :many OR last_at < :veryOld)", {
      old: ago(2 * DAY_MS),
      many: FAILURES_WORTH_KEEPING,
      veryOld: ago(30 * DAY_MS),
    })
    .execute();
  await database
    .getRepository<ChallengeRow>("challenge")
    .createQueryBuilder()
    .delete()
    .where("created_at < :old AND (state IN ('failed', 'consumed') OR NOT EXISTS (" + COUNTS_AGAINST_A_BUDGET + "))", {
      old: ago(7 * DAY_MS),
    })
    .execute();
  await database.query("DELETE FROM attempt_keys WHERE attempt_id NOT IN (SELECT id FROM attempts)");
}
