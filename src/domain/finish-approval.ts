import { askProvider, expireIfOver } from "./ask-provider.js";
import { type Attempt, MATCH_CODE_TRIES } from "./attempt.js";
import { type Challenge, isLive } from "./challenge.js";
import { failureBucket, failureLimits } from "./check-password.js";
import { type Deps } from "./deps.js";
import { ProviderThrottled } from "./errors.js";
import { sameText } from "./secrets.js";
import { hashMatchCode } from "./start-challenge.js";
import { approvals } from "./watched-kinds.js";

/** Authy is asked at most this often for one challenge because a person pressed the button. */
const PERSON_ASKS_EVERY_MS = 5000;

export type Finish =
  | { readonly kind: "finished"; readonly challengeId: string }
  | { readonly kind: "still-pending" }
  /** Without tries left the attempt has ended. */
  | { readonly kind: "wrong-code"; readonly triesLeft: number; readonly wasEmpty: boolean }
  /** Denied, expired, replaced, used up or too late: the waiting page says which. */
  | { readonly kind: "over" };

/**
 * Spends an approval, once, for the browser that holds the attempt. Still pending, it asks Authy first. A repeat by the
 * same browser within the life of an approval (the first reply got lost) succeeds again.
 *
 * @param matchCode - What the person typed; null when no field was sent.
 */
export async function finishApproval(deps: Deps, attempt: Attempt, matchCode: string | null): Promise<Finish> {
  let challenge = await deps.challenges.findDecisive(attempt.id);
  if (challenge !== null && isLive(challenge.state)) {
    challenge = await askNow(deps, challenge);
    if (challenge !== null && isLive(challenge.state)) return { kind: "still-pending" };
  }
  if (challenge === null) return { kind: "over" };
  if (challenge.state === "consumed") return repeat(deps, attempt, challenge);
  if (challenge.state !== "approved") return { kind: "over" };

  if (attempt.asksMatchCode) {
    const wrong = await wrongCode(deps, attempt, challenge, matchCode);
    if (wrong !== null) return wrong;
  }
  const now = deps.now();
  if (!(await deps.challenges.consume(challenge.id, approvedAfter(deps, now), now))) {
    const again = await deps.challenges.find(challenge.id);
    return again?.state === "consumed" ? repeat(deps, attempt, again) : { kind: "over" };
  }
  return { kind: "finished", challengeId: challenge.id };
}

function approvedAfter({ settings }: Pick<Deps, "settings">, now: Date): Date {
  return new Date(now.getTime() - settings.approvedTtlSeconds * 1000);
}

async function repeat(
  deps: Pick<Deps, "attempts" | "sessions" | "settings" | "now">,
  { id }: Attempt,
  challenge: Challenge,
): Promise<Finish> {
  const attempt = await deps.attempts.find(id);
  return attempt !== null && (await canRepeat(deps, attempt, challenge))
    ? { kind: "finished", challengeId: challenge.id }
    : { kind: "over" };
}

/** Whether a spent approval opens the same again: soon enough, and not where what it opened was ended by its owner. */
export async function canRepeat(
  deps: Pick<Deps, "sessions" | "settings" | "now">,
  attempt: Attempt,
  challenge: Challenge,
): Promise<boolean> {
  if (challenge.state !== "consumed" || attempt.state === "ended" || !isRepeatable(deps, challenge)) return false;
  return (
    (await deps.sessions.findOfChallenge(challenge.id, deps.now())) !== null ||
    !(await deps.sessions.hadOfChallenge(challenge.id))
  );
}

/** Whether a sign-in went through whose reply never came: asked of a browser that is not signed in. */
export async function isReplyLost(
  deps: Pick<Deps, "challenges" | "sessions" | "settings" | "now">,
  attempt: Attempt,
): Promise<boolean> {
  if (attempt.state !== "finished") return false;
  const challenge = await deps.challenges.findDecisive(attempt.id);
  return challenge !== null && canRepeat(deps, attempt, challenge);
}

/** Whether an approval came so recently that it may still be spent. */
export function isSpendable(deps: Pick<Deps, "settings" | "now">, { settledAt }: Challenge): boolean {
  return settledAt !== null && settledAt > approvedAfter(deps, deps.now());
}

/** Whether an approval was spent so recently that its browser may ask again, since the first reply may be lost. */
export function isRepeatable(deps: Pick<Deps, "settings" | "now">, challenge: Challenge): boolean {
  return challenge.consumedAt !== null && challenge.consumedAt > approvedAfter(deps, deps.now());
}

async function askNow(deps: Deps, challenge: Challenge): Promise<Challenge | null> {
  await expireIfOver(deps, approvals, challenge);
  if (await deps.challenges.claimPersonAsk(challenge.id, deps.now(), PERSON_ASKS_EVERY_MS)) {
    try {
      await askProvider(deps, approvals, challenge, "poll");
    } catch (error) {
      // Unknown is neither yes nor no: the person is sent back to the waiting page.
      const why = error instanceof ProviderThrottled ? "throttled" : "unavailable";
      deps.log.warn({ challengeId: challenge.id, why }, "Authy could not be asked");
    }
  }
  return deps.challenges.find(challenge.id);
}

/** Six digits that only the phone shows. Every wrong one counts, here and among the account's failures. */
async function wrongCode(
  deps: Deps,
  attempt: Attempt,
  challenge: Challenge,
  matchCode: string | null,
): Promise<Finish | null> {
  const typed = (matchCode ?? "").normalize("NFKC").replace(/\s/g, "");
  if (typed === "") return { kind: "wrong-code", triesLeft: MATCH_CODE_TRIES - attempt.tries, wasEmpty: true };
  if (attempt.tries >= MATCH_CODE_TRIES) return endFor(deps, attempt, challenge);
  // Counted before it is judged, so that parallel guesses are no free ones.
  const tries = await deps.attempts.countTry(attempt.id);
  if (tries > MATCH_CODE_TRIES) return endFor(deps, attempt, challenge);
  if (challenge.matchCodeHash !== null && sameText(challenge.matchCodeHash, hashMatchCode(attempt.id, typed)))
    return null;
  const subscriber = await deps.subscribers.find(attempt.subscriberId);
  if (subscriber !== null)
    await deps.failures.take(failureBucket(subscriber.usernameKey, null), deps.now(), failureLimits(deps.settings));
  return tries >= MATCH_CODE_TRIES
    ? endFor(deps, attempt, challenge)
    : { kind: "wrong-code", triesLeft: MATCH_CODE_TRIES - tries, wasEmpty: false };
}

async function endFor(deps: Deps, attempt: Attempt, challenge: Challenge): Promise<Finish> {
  await deps.attempts.end(attempt.id);
  await deps.challenges.lapse(challenge.id);
  return { kind: "wrong-code", triesLeft: 0, wasEmpty: false };
}
