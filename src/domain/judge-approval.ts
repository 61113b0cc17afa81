import { askProvider, expireIfOver } from "./ask-provider.js";
import { type Attempt, MATCH_CODE_TRIES } from "./attempt.js";
import { type Challenge, isLive } from "./challenge.js";
import type { Deps } from "./deps.js";
import { endAttempt } from "./end-attempts.js";
import { ProviderThrottled } from "./errors.js";
import { passwordBucket } from "./failures.js";
import type { Proof } from "./finish-attempt.js";
import { hashMatchCode, sameText } from "./secrets.js";
import { matchCodeIn } from "./typed-code.js";
import { approvals } from "./watched-kinds.js";

/** The provider is asked at most this often about one challenge because a person pressed the button. */
const PERSON_ASKS_EVERY_MS = 5000;

export type JudgedApproval =
  /** `proof` is null where the attempt's proof was spent before. */
  | { readonly kind: "right"; readonly proof: Proof | null }
  | { readonly kind: "still-pending" }
  /** Not judged: it could not be a code, and costs no try. Without tries left the attempt has ended. */
  | { readonly kind: "wrong-code"; readonly triesLeft: number; readonly wasJudged: boolean }
  /** Denied, expired, replaced, used up or too late: the waiting page says which. */
  | { readonly kind: "over" };

/**
 * Whether the phone has approved an attempt, and whether the match code is right where one is asked for. Still pending, it
 * asks the provider first. Nothing is spent yet.
 *
 * @param matchCode - What the person typed; empty when no field was sent.
 */
export async function judgeApproval(deps: Deps, attempt: Attempt, matchCode: string): Promise<JudgedApproval> {
  if (attempt.state !== "open") return { kind: "right", proof: null };
  let challenge = await deps.challenges.findDecisive(attempt.id);
  if (challenge !== null && isLive(challenge.state)) {
    challenge = await askNow(deps, challenge);
    if (challenge !== null && isLive(challenge.state)) return { kind: "still-pending" };
  }
  // Another tab came first: it may be finishing right now.
  if (challenge?.state === "consumed") return { kind: "right", proof: null };
  if (challenge?.state !== "approved") return { kind: "over" };
  const wrong = attempt.asksMatchCode ? await wrongCode(deps, attempt, challenge, matchCode) : null;
  return wrong ?? { kind: "right", proof: { kind: "approval", challenge } };
}

async function askNow(deps: Deps, challenge: Challenge): Promise<Challenge | null> {
  await expireIfOver(deps, approvals, challenge);
  if (await deps.challenges.claimPersonAsk(challenge.id, deps.now(), PERSON_ASKS_EVERY_MS)) {
    try {
      await askProvider(deps, approvals, challenge, "poll");
    } catch (error) {
      // Unknown is neither yes nor no: the person is sent back to the waiting page.
      const why = error instanceof ProviderThrottled ? "throttled" : "unavailable";
      deps.log.warn({ challengeId: challenge.id, why }, "the provider could not be asked");
    }
  }
  return deps.challenges.find(challenge.id);
}

/** Six digits that only the phone shows. Every wrong one counts, here and among the account's failures. */
async function wrongCode(
  deps: Deps,
  attempt: Attempt,
  challenge: Challenge,
  matchCode: string,
): Promise<JudgedApproval | null> {
  const typed = matchCodeIn(matchCode);
  if (typed === null) return { kind: "wrong-code", triesLeft: MATCH_CODE_TRIES - attempt.tries, wasJudged: false };
  if (attempt.tries >= MATCH_CODE_TRIES) return endFor(deps, attempt, challenge);
  // Counted before it is judged, so that parallel guesses are no free ones.
  const tries = await deps.attempts.countTry(attempt.id);
  if (tries > MATCH_CODE_TRIES) return endFor(deps, attempt, challenge);
  if (challenge.matchCodeHash !== null && sameText(challenge.matchCodeHash, hashMatchCode(attempt.id, typed)))
    return null;
  if (attempt.purpose === "sign-in") deps.tally.signIn(challenge.factorType, "wrong-code");
  const subscriber = await deps.subscribers.find(attempt.subscriberId);
  if (subscriber !== null)
    await deps.failures.take(passwordBucket(subscriber.usernameKey, null), deps.now(), deps.settings);
  return tries >= MATCH_CODE_TRIES
    ? endFor(deps, attempt, challenge)
    : { kind: "wrong-code", triesLeft: MATCH_CODE_TRIES - tries, wasJudged: true };
}

async function endFor(deps: Deps, attempt: Attempt, challenge: Challenge): Promise<JudgedApproval> {
  await deps.transaction((rows) => endAttempt(rows, attempt, "wrong-codes", deps.now()));
  await deps.challenges.lapse(challenge.id);
  return { kind: "wrong-code", triesLeft: 0, wasJudged: true };
}
