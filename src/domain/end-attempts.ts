import type { Attempt } from "./attempt.js";
import type { Deps, Rows } from "./deps.js";

/** How an attempt came to an end without a success. A denial has an entry of its own in the history. */
export type AttemptEnd = "ran-out" | "cancelled" | "replaced" | "wrong-codes" | "signed-out" | "account-changed";

type EndRows = Pick<Rows, "attempts" | "challenges" | "audit">;

const BATCH = 200;

/**
 * Ends an open attempt and records it for its owner, in the caller's transaction: whoever began it had the right password.
 * The history has one entry for each such attempt; where the phone denied it, the denial is that entry.
 *
 * @returns false when it had come to its end, or its success, before.
 */
export async function endAttempt(rows: EndRows, attempt: Attempt, how: AttemptEnd, at: Date): Promise<boolean> {
  if (!(await rows.attempts.end(attempt.id))) return false;
  if ((await rows.challenges.findDecisive(attempt.id))?.state === "denied") return true;
  const kind = attempt.purpose === "sign-in" ? "sign-in-ended" : "step-up-ended";
  await rows.audit.record({ subscriberId: attempt.subscriberId, kind, at, origin: attempt, detail: how });
  return true;
}

/**
 * Ends every attempt of an account, and the step-ups that were granted and not used. The account's sessions end at the same
 * moment, by its next epoch: applications that want to be told get their notices.
 *
 * @param keptSessionId - The session that goes on; without one all have ended.
 */
export async function endAttemptsOfSubscriber(
  rows: EndRows & Pick<Rows, "logoutNotices">,
  subscriberId: string,
  at: Date,
  keptSessionId?: string,
): Promise<void> {
  if (keptSessionId === undefined) await rows.logoutNotices.writeForSubscriber(subscriberId, at);
  else await rows.logoutNotices.writeForOthers(subscriberId, keptSessionId, at);
  for (const attempt of await rows.attempts.findOpenOfSubscriber(subscriberId))
    await endAttempt(rows, attempt, "account-changed", at);
  await rows.attempts.endAllOfSubscriber(subscriberId);
}

/** Ends the attempts that nobody finished in time: the page was left, or only wrong codes were typed. */
export async function endOverdueAttempts(deps: Pick<Deps, "attempts" | "transaction" | "now">): Promise<void> {
  const now = deps.now();
  for (const attempt of await deps.attempts.findOverdue(now, BATCH))
    await deps.transaction((rows) => endAttempt(rows, attempt, "ran-out", now));
}
