import { expireIfOver } from "./ask-provider.js";
import { type Attempt, takesCodes } from "./attempt.js";
import { type Challenge, isSpendable } from "./challenge.js";
import type { Deps } from "./deps.js";
import { TooMany } from "./errors.js";
import { sessionToRepeat } from "./finish-attempt.js";
import { type Begun, pushPause, type PushPause, startChallenge } from "./start-challenge.js";
import { type Factor, prefersNoPush, ringing } from "./factor.js";
import type { Providers } from "./factor-provider.js";
import type { Subscriber } from "./subscriber.js";
import { approvals } from "./watched-kinds.js";

/** Everything that the waiting page tells about an attempt. */
export interface WaitingAttempt {
  readonly attempt: Attempt;
  readonly subscriber: Subscriber;
  readonly factors: readonly Factor[];
  readonly challenge: Challenge | null;
  /** Approved, and finishing opens something now. */
  readonly canFinish: boolean;
  readonly pause: PushPause | null;
  /** The account's and the attempt's times are not over. */
  readonly isUsable: boolean;
  readonly resend: { readonly inSeconds: number; readonly left: number | null };
}

/** Reads an attempt as it stands now. A push whose time is over, or an approval that was not used in time, ends on the way. */
export async function readWaitingAttempt(deps: Deps, attempt: Attempt): Promise<WaitingAttempt | null> {
  const subscriber = await deps.subscribers.find(attempt.subscriberId);
  if (subscriber === null) return null;
  let challenge = await deps.challenges.findDecisive(attempt.id);
  if (challenge !== null) challenge = await expireIfOver(deps, approvals, challenge);
  if (challenge?.state === "approved" && !isSpendable(deps, challenge)) {
    await deps.challenges.lapse(challenge.id);
    challenge = await deps.challenges.findDecisive(attempt.id);
  }
  const canFinish =
    attempt.state === "open"
      ? challenge?.state === "approved" && isUsable(attempt, subscriber, deps.now())
      : (await sessionToRepeat(deps, attempt.id)) !== null;
  const factors = await deps.factors.listActive(subscriber.id);
  const pause = await pushPause(deps, subscriber, attempt.isKnownBrowser);
  return {
    attempt,
    subscriber,
    factors,
    challenge,
    canFinish,
    pause,
    isUsable: isUsable(attempt, subscriber, deps.now()),
    resend: await resendBudget(deps, attempt),
  };
}

/** True where nothing was asked, because nothing can be or the owner wants to begin with a code or a passkey. */
export function goesOnWithoutPush(
  { attempt, challenge, factors, isUsable }: WaitingAttempt,
  providers: Providers,
): boolean {
  if (!isUsable || challenge !== null || !takesCodes(attempt.purpose)) return false;
  return prefersNoPush(factors, providers) || ringing(factors, providers).length === 0;
}

/** True while the attempt can still become a sign-in: open, in time, and of the account's present epoch. */
export function isUsable(attempt: Attempt, subscriber: Pick<Subscriber, "epoch">, now: Date): boolean {
  return attempt.state === "open" && attempt.expiresAt > now && attempt.epoch === subscriber.epoch;
}

async function resendBudget(
  { challenges, settings, now }: Pick<Deps, "challenges" | "settings" | "now">,
  attempt: Attempt,
): Promise<WaitingAttempt["resend"]> {
  const times = await challenges.pushTimesOfAttempt(attempt.id);
  const windowStart = now().getTime() - settings.resendWindowSeconds * 1000;
  // The first push of the attempt is no resend.
  const recent = times.slice(1).filter((at) => at.getTime() > windowStart);
  const left = settings.resendLimit === 0 ? null : Math.max(0, settings.resendLimit - recent.length);
  const last = times.at(-1);
  let waitMs = last === undefined ? 0 : last.getTime() + settings.resendAfterSeconds * 1000 - now().getTime();
  if (left === 0 && recent[0] !== undefined)
    waitMs = Math.max(waitMs, recent[0].getTime() + settings.resendWindowSeconds * 1000 - now().getTime());
  return { inSeconds: Math.max(0, Math.ceil(waitMs / 1000)), left };
}

/**
 * Sends a new push for the attempt because the person asked; the one before is superseded.
 *
 * @throws TooMany when asked too early or too often.
 */
export async function resendPush(deps: Deps, attempt: Attempt): Promise<void> {
  const startedAt = deps.now();
  const waiting = await readWaitingAttempt(deps, attempt);
  if (waiting === null || !isUsable(attempt, waiting.subscriber, deps.now())) return;
  if (waiting.challenge?.state === "approved" || waiting.challenge?.state === "consumed") return;
  if (waiting.resend.inSeconds > 0) throw new TooMany("resend too early", waiting.resend.inSeconds);
  // Of requests at once, another one may have sent its push since this one looked, whatever the clock made of their order.
  const seenAt = waiting.challenge?.createdAt.getTime();
  const hasCrossed = ({ attemptId, createdAt }: Begun): boolean =>
    createdAt >= startedAt || (attemptId === attempt.id && createdAt.getTime() !== seenAt);
  await startChallenge(deps, attempt, waiting.subscriber, waiting.factors, hasCrossed);
}
