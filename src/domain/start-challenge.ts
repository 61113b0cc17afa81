import { type Attempt } from "./attempt.js";
import { type Challenge, isLive, type PushFailure } from "./challenge.js";
import { type Deps } from "./deps.js";
import { endAttempt } from "./end-attempts.js";
import { ProviderRefused, ProviderThrottled, ProviderUnavailable, ProviderUnconfirmed } from "./errors.js";
import { type Factor, ringing } from "./factor.js";
import { type Push } from "./factor-provider.js";
import { firstApprovalPoll } from "./poll-schedule.js";
import { pushText } from "./push-text.js";
import { hashSecret, newId, newMatchCode } from "./secrets.js";
import { settleChallenge } from "./settle-challenge.js";
import { type Subscriber } from "./subscriber.js";

/** `until` is null when only a sign-in in another way ends the pause. */
export interface PushPause {
  readonly kind: "paused";
  readonly until: Date | null;
}

export type Started =
  | { readonly kind: "sent"; readonly challengeId: string }
  | { readonly kind: "not-sent"; readonly challengeId: string; readonly failure: PushFailure }
  | { readonly kind: "joined"; readonly attemptId: string }
  /** Nothing that the person enrolled can be asked. */
  | { readonly kind: "nobody-to-ask" }
  | PushPause;

/**
 * Whether requests to a phone are paused for browsers of this kind: the owner's known browsers and all others have budgets of
 * their own, and a denial pauses the others alone.
 *
 * @param ownRows - How many rows of the request that is asked for stand already.
 */
export async function pushPause(
  { challenges, settings, now }: Pick<Deps, "challenges" | "settings" | "now">,
  subscriber: Subscriber,
  isKnownBrowser: boolean,
  ownRows = 0,
): Promise<PushPause | null> {
  if (!isKnownBrowser && subscriber.pushFrozenUntil !== null && subscriber.pushFrozenUntil > now())
    return { kind: "paused", until: subscriber.pushFrozenUntil };
  if (settings.pushLimit === 0) return null;
  const sent = await challenges.countPushes(subscriber.id, isKnownBrowser, budgetSince(subscriber, isKnownBrowser));
  return sent - ownRows >= settings.pushLimit ? { kind: "paused", until: null } : null;
}

/** The owner's success in a browser of theirs gives no new pushes to whoever sits at another with the password. */
function budgetSince(subscriber: Subscriber, isKnownBrowser: boolean): Date {
  return isKnownBrowser ? subscriber.lastSuccessAt : (subscriber.strangersSuccessAt ?? subscriber.createdAt);
}

/**
 * Sends one push for an attempt, to the factors that can be asked: the row first, then the request, so that a callback
 * that overtakes the provider's own answer finds its challenge. A live challenge of the same browser is superseded, unless two requests of one click crossed: then
 * this one joins.
 *
 * @param hasCrossed - Tells of a live challenge whether its request was still under way when this one was sent.
 */
export async function startChallenge(
  deps: Deps,
  attempt: Attempt,
  subscriber: Subscriber,
  factors: readonly Factor[],
  hasCrossed: (other: Challenge) => boolean,
): Promise<Started> {
  const asked = ringing(factors, deps.providers);
  const [factor] = asked;
  if (factor === undefined) return { kind: "nobody-to-ask" };
  const pause = await pushPause(deps, subscriber, attempt.isKnownBrowser);
  if (pause !== null) return pause;
  const matchCode = attempt.asksMatchCode ? newMatchCode() : null;
  const createdAt = deps.now();
  const challenge = {
    id: newId(),
    attemptId: attempt.id,
    subscriberId: subscriber.id,
    factorType: factor.type,
    factorId: factor.id,
    browserHash: attempt.browserHash,
    isKnownBrowser: attempt.isKnownBrowser,
    providerId: factor.providerId,
    providerRef: null,
    state: "creating" as const,
    matchCodeHash: matchCode === null ? null : hashMatchCode(attempt.id, matchCode),
    failure: null,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + deps.settings.approvalTtlSeconds * 1000),
    nextPollAt: null,
  };
  while (!(await deps.challenges.insert(challenge))) {
    const other = await deps.challenges.findLiveOfBrowser(attempt.browserHash);
    if (other === null) continue; // it was settled between the two statements
    const former = await deps.attempts.find(other.attemptId);
    const isForTheSame = former?.subscriberId === attempt.subscriberId && former.purpose === attempt.purpose;
    if (isForTheSame && hasCrossed(other)) return { kind: "joined", attemptId: former.id };
    await settleChallenge(deps, other.id, "superseded", "person");
    if (former !== null && former.id !== attempt.id)
      await deps.transaction((rows) => endAttempt(rows, former, "replaced", deps.now()));
  }
  await deps.attempts.extend(
    attempt.id,
    new Date(createdAt.getTime() + (deps.settings.attemptTtlSeconds + deps.settings.approvalTtlSeconds) * 1000),
  );
  // Counted again after the row stands: of many that passed the first look together, no more than the budget go out.
  const late = await pushPause(deps, subscriber, attempt.isKnownBrowser, 1);
  if (late !== null) {
    await settleChallenge(deps, challenge.id, "failed", "clock", { failure: "throttled" });
    return late;
  }
  return send(deps, challenge, asked, {
    ...pushText(deps.pushWords, attempt, subscriber.username, deps.settings.appName, createdAt, matchCode),
    challengeId: challenge.id,
    secondsToExpire: deps.settings.approvalTtlSeconds,
  });
}

/** How a match code is kept: bound to its attempt. */
export function hashMatchCode(attemptId: string, code: string): string {
  return hashSecret(`match ${attemptId} ${code}`);
}

async function send(
  deps: Deps,
  challenge: Pick<Challenge, "id" | "factorType" | "providerId">,
  factors: readonly Factor[],
  push: Push,
): Promise<Started> {
  const asks = deps.providers[challenge.factorType]?.asks;
  let ref: string;
  try {
    if (asks === undefined) throw new ProviderRefused("nobody asks this type of factor");
    ({ ref } = await asks.send(factors, push));
  } catch (error) {
    const failure = failureOf(error);
    deps.log.warn(
      { challengeId: challenge.id, failure },
      failure === "unconfirmed" ? "push unconfirmed" : "push failed",
    );
    // Not known to have failed is not failed: the phone may show it, and then the callback names our id.
    if (failure === "unconfirmed") await deps.challenges.noteFailure(challenge.id, failure);
    else await settleChallenge(deps, challenge.id, "failed", "person", { failure });
    return { kind: "not-sent", challengeId: challenge.id, failure };
  }
  const pollAt = asks.state === undefined ? null : await firstApprovalPoll(deps, deps.now());
  await deps.challenges.confirmSent(challenge.id, ref, pollAt);
  if (pollAt !== null) await deps.polls.schedule("approval", challenge.id, pollAt);
  await settleFromEarlierCallback(deps, challenge.id, challenge.providerId, ref);
  return { kind: "sent", challengeId: challenge.id };
}

/** A callback without our id that came before the provider's answer waits among the receipts. */
async function settleFromEarlierCallback(deps: Deps, id: string, providerId: string, ref: string): Promise<void> {
  const receipt = await deps.receipts.findByProviderRef(ref);
  if (receipt?.providerId !== providerId) return;
  const challenge = await deps.challenges.find(id);
  if (challenge !== null && isLive(challenge.state)) await settleChallenge(deps, id, receipt.status, "callback");
}

function failureOf(error: unknown): PushFailure {
  if (error instanceof ProviderUnconfirmed) return "unconfirmed";
  if (error instanceof ProviderThrottled) return "throttled";
  if (error instanceof ProviderUnavailable) return "unavailable";
  return "refused";
}
