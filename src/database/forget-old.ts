import { setTimeout as wait } from "node:timers/promises";
import { type DataSource, In, type ObjectLiteral, type Repository } from "typeorm";

const DAY_MS = 86_400_000;

/** A bucket with so many failures costs a guesser days to fill: it is kept for a month, not for two days. */
const FAILURES_WORTH_KEEPING = 50;

const COUNTS_AGAINST_A_BUDGET = [
  "SELECT 1 FROM subscribers u WHERE u.id = it.subscriberId AND it.createdAt >",
  "CASE WHEN it.isKnownBrowser THEN u.last_success_at ELSE coalesce(u.strangers_success_at, u.created_at) END",
].join(" ");

/** So many rows are removed at once: a longer statement would keep others from writing. */
const BATCH = 500;
const PAUSE_MS = 20;

/** Removes what nobody needs any more, a few rows at a time, so that others get their turn in between. */
export async function forgetOld(database: DataSource, now: Date): Promise<void> {
  const ago = (ms: number): Date => new Date(now.getTime() - ms);
  const forget = (entity: string, key: string, where: string, values: ObjectLiteral): Promise<void> =>
    forgetRows(database.getRepository<ObjectLiteral>(entity), key, where, values);

  await forget("receipt", "signatureHash", "it.receivedAt < :old", { old: ago(10 * 60_000) });
  await forget("spentChallenge", "challengeHash", "it.spentAt < :old", { old: ago(10 * 60_000) });
  await forget("session", "id", "it.idleUntil < :old", { old: ago(7 * DAY_MS) });
  await forget("attempt", "id", "it.createdAt < :old", { old: ago(7 * DAY_MS) });
  await forget("enrolment", "id", "it.createdAt < :old", { old: ago(7 * DAY_MS) });
  await forget("audit", "id", "it.at < :old", { old: ago(400 * DAY_MS) });
  await forget("resetRequest", "id", "it.at < :old", { old: ago(DAY_MS) });
  await forget("link", "tokenHash", "it.expiresAt < :old", { old: ago(DAY_MS) });
  await forget("mail", "id", "it.createdAt < :old AND it.state <> 'due'", { old: ago(30 * DAY_MS) });
  // Nothing but a success renews a budget: what counts against one stays.
  await forget("failure", "bucket", "it.lastAt < :old AND (it.count < :many OR it.lastAt < :veryOld)", {
    old: ago(2 * DAY_MS),
    many: FAILURES_WORTH_KEEPING,
    veryOld: ago(30 * DAY_MS),
  });
  const isSpent = `it.state IN ('failed', 'consumed') OR NOT EXISTS (${COUNTS_AGAINST_A_BUDGET})`;
  await forget("challenge", "id", `it.createdAt < :old AND (${isSpent})`, { old: ago(7 * DAY_MS) });
  // Of enrolments that came to nothing, of accounts that are gone, and of factors that the release before removed: this one
  // takes what belongs to a factor along.
  const belongsToNobody = (id: string): string =>
    `NOT EXISTS (SELECT 1 FROM factors f WHERE f.id = ${id} AND f.state = 'active')
      AND NOT EXISTS (SELECT 1 FROM enrolments e WHERE e.id = ${id} AND e.state IN ('pending', 'claimed'))`;
  await forget("totpSecret", "factorId", belongsToNobody("it.factorId"), {});
  await forget("phoneKey", "id", belongsToNobody("it.id"), {});
  await forget("pushSubscription", "factorId", belongsToNobody("it.factorId"), {});
  // Of accounts that were erased, once the provider was told, or has not been asked for long.
  await forget(
    "factor",
    "id",
    `it.state = 'removed' AND (it.removedUpstreamAt IS NOT NULL OR it.removedAt < :old)
      AND NOT EXISTS (SELECT 1 FROM subscribers u WHERE u.id = it.subscriberId)`,
    { old: ago(30 * DAY_MS) },
  );
  await forget("gateTicket", "keyHash", "it.expiresAt < :old", { old: ago(10 * 60_000) });
  const hasEnded = "s.ended_at IS NOT NULL OR s.idle_until < :old OR s.expires_at < :old";
  await forget(
    "gateSession",
    "keyHash",
    `NOT EXISTS (SELECT 1 FROM sessions s WHERE s.sign_in_id = it.signInId AND NOT (${hasEnded}))`,
    { old: ago(60_000) },
  );
  await forget("oidcRecord", "id", "it.expiresAt < :old", { old: ago(DAY_MS) });
  await forget("clientSecret", "hash", "it.expiresAt < :old", { old: ago(DAY_MS) });
  await forget("logoutNotice", "id", "it.createdAt < :old", { old: ago(7 * DAY_MS) });
  await forget("attemptKey", "keyHash", "NOT EXISTS (SELECT 1 FROM attempts a WHERE a.id = it.attemptId)", {});
}

async function forgetRows(
  rows: Repository<ObjectLiteral>,
  key: string,
  where: string,
  values: ObjectLiteral,
): Promise<void> {
  for (;;) {
    const found = await rows.createQueryBuilder("it").select(`it.${key}`).where(where, values).limit(BATCH).getMany();
    if (found.length > 0) await rows.delete({ [key]: In(found.map((row) => row[key] as string)) });
    if (found.length < BATCH) return;
    await wait(PAUSE_MS);
  }
}
