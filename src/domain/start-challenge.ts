import { type Attempt, newAttempt, takesCodes } from "./attempt.js";
import { type Challenge, isLive, type PushFailure } from "./challenge.js";
import type { Deps, Origin } from "./deps.js";
import { endAttempt } from "./end-attempts.js";
import { ProviderRefused, ProviderThrottled, ProviderUnavailable, ProviderUnconfirmed } from "./errors.js";
import { type Factor, prefersNoPush, ringing } from "./factor.js";
import type { Push, Sent } from "./factor-provider.js";
import { firstApprovalPoll } from "./poll-schedule.js";
import { pushText } from "./push-text.js";
import { nextRing } from "./ring-again.js";
import { hashMatchCode, hashSecret, newId, newSecret } from "./secrets.js";
import { settleChallenge } from "./settle-challenge.js";
import type { Subscriber } from "./subscriber.js";

/** `until` is null when only a sign-in in another way ends the pause. */
export interface PushPause {
  readonly kind: "paused";
  readonly until: Date | null;
}

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

/** What began in a browser before, and when. */
export type Begun = Pick<Challenge, "attemptId" | "createdAt">;

/** The browser in which an attempt begins, and whether the account knows it. */
export interface AttemptBrowser extends Origin {
  readonly visitHash: string;
  readonly isKnown: boolean;
  /** When the request came in that begins it. */
  readonly arrivedAt: Date;
}

/**
 * Opens an attempt in one browser and sends its push, if one can be sent.
 *
 * @param hasCrossed - Whether the request of a live challenge was still under way when this one was sent: a double click.
 * @returns the key with which this browser proves later that it asked.
 */
export async function startAttempt(
  deps: Deps,
  subscriber: Subscriber,
  factors: readonly Factor[],
  browser: AttemptBrowser,
  request: Pick<Attempt, "purpose" | "sessionId" | "next" | "remember" | "application">,
  hasCrossed: (other: Begun) => boolean,
): Promise<string> {
  const { visitHash: browserHash, isKnown: isKnownBrowser, address, browserLabel } = browser;
  const { id: subscriberId, epoch } = subscriber;
  const given = { subscriberId, epoch, browserHash, isKnownBrowser, address, browserLabel, ...request };
  const from = performance.now() - (deps.now().getTime() - browser.arrivedAt.getTime());
  const attempt = newAttempt(deps.settings, deps.now(), given);
  const key = newSecret();
  await deps.attempts.insert(attempt, hashSecret(key));
  const joined =
    takesCodes(attempt.purpose) && prefersNoPush(factors, deps.providers)
      ? await joinWithoutPush(deps, attempt, hasCrossed)
      : await startChallenge(deps, attempt, subscriber, factors, hasCrossed);
  if (joined !== null) {
    // The other request's push is already on its way, and this browser may wait for that one.
    await deps.attempts.discard(attempt.id);
    await deps.attempts.addKey(joined, hashSecret(key));
  }
  deps.traces?.span(attempt.id, attempt.purpose, from, joined === null ? "begun" : "joined", true);
  return key;
}

/**
 * Sends one push for an attempt, to the factors that can be asked: the row first, then the request, so that a callback that
 * overtakes the provider's own answer finds its challenge. A live challenge of the same browser is superseded, unless two
 * requests of one click crossed.
 *
 * @returns the id of the other attempt, where two requests of one click crossed and nothing was sent; else null.
 */
export async function startChallenge(
  deps: Deps,
  attempt: Attempt,
  subscriber: Subscriber,
  factors: readonly Factor[],
  hasCrossed: (other: Begun) => boolean,
): Promise<string | null> {
  const asked = ringing(factors, deps.providers);
  const [factor] = asked;
  if (factor === undefined) return joinWithoutPush(deps, attempt, hasCrossed);
  if ((await pushPause(deps, subscriber, attempt.isKnownBrowser)) !== null) return null;
  const named = factors.find(({ id }) => attempt.purpose === "remove-factor" && id === attempt.next) ?? null;
  const id = newId();
  const matchCode = attempt.asksMatchCode ? (deps.matchCodes(id)[0] ?? null) : null;
  const createdAt = deps.now();
  const words = deps.pushWords(subscriber.language);
  const challenge = {
    id,
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
    language: words.language,
    namedLabel: named?.label ?? null,
    failure: null,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + deps.settings.approvalTtlSeconds * 1000),
    nextPollAt: null,
  };
  while (!(await deps.challenges.insert(challenge))) {
    const other = await deps.challenges.findLiveOfBrowser(attempt.browserHash);
    if (other === null) continue; // it was settled between the two statements
    const former = await deps.attempts.find(other.attemptId);
    const isForTheSame = former?.subscriberId === attempt.subscriberId && wantsTheSame(former, attempt);
    if (isForTheSame && hasCrossed(other)) return former.id;
    await settleChallenge(deps, other.id, "superseded", "person");
    if (former !== null && former.id !== attempt.id)
      await deps.transaction((rows) => endAttempt(rows, former, "replaced", deps.now()));
  }
  await deps.attempts.extend(
    attempt.id,
    new Date(createdAt.getTime() + (deps.settings.attemptTtlSeconds + deps.settings.approvalTtlSeconds) * 1000),
  );
  // Counted again after the row stands: of many that passed the first look together, no more than the budget go out.
  if ((await pushPause(deps, subscriber, attempt.isKnownBrowser, 1)) !== null)
    await settleChallenge(deps, challenge.id, "failed", "clock", { failure: "throttled" });
  else
    await send(deps, challenge, asked, {
      ...pushText(words, attempt, subscriber.username, deps.settings.appName, createdAt, matchCode, named),
      challengeId: challenge.id,
      secondsToExpire: deps.settings.approvalTtlSeconds,
    });
  return null;
}

/**
 * The same where nothing can be asked: one attempt for each browser goes on. Of two requests of one click each sees the
 * other, and the earlier attempt stays.
 */
async function joinWithoutPush(
  deps: Pick<Deps, "attempts" | "transaction" | "now">,
  attempt: Attempt,
  hasCrossed: (other: Begun) => boolean,
): Promise<string | null> {
  let joined: string | null = null;
  for (const other of await deps.attempts.findOpenOfSubscriber(attempt.subscriberId)) {
    if (other.id === attempt.id || other.browserHash !== attempt.browserHash) continue;
    if (!wantsTheSame(other, attempt) || !hasCrossed({ attemptId: other.id, createdAt: other.createdAt }))
      await deps.transaction((rows) => endAttempt(rows, other, "replaced", deps.now()));
    else if (rankOf(other) < rankOf(attempt)) joined = other.id;
  }
  return joined;
}

/** Two step-ups for one act want the same only where they are about the same factor. */
function wantsTheSame(one: Attempt, other: Attempt): boolean {
  return one.purpose === other.purpose && (one.purpose === "sign-in" || one.next === other.next);
}

function rankOf({ createdAt, id }: Attempt): string {
  return `${createdAt.toISOString()} ${id}`;
}

async function send(
  deps: Deps,
  challenge: Pick<Challenge, "id" | "attemptId" | "factorType" | "providerId" | "expiresAt">,
  factors: readonly Factor[],
  push: Push,
): Promise<void> {
  const asks = deps.providers[challenge.factorType]?.asks;
  const from = performance.now();
  let sent: Sent;
  try {
    if (asks === undefined) throw new ProviderRefused("nobody asks this type of factor");
    sent = await asks.send(factors, push);
  } catch (error) {
    const failure = failureOf(error);
    deps.tally.push(challenge.factorType, failure);
    deps.traces?.span(challenge.attemptId, `push:${challenge.factorType}`, from, failure);
    deps.log.warn(
      { challengeId: challenge.id, failure },
      failure === "unconfirmed" ? "push unconfirmed" : "push failed",
    );
    // Not known to have failed is not failed: the phone may show it, and then the callback names our id.
    if (failure === "unconfirmed") await deps.challenges.noteFailure(challenge.id, failure);
    else await settleChallenge(deps, challenge.id, "failed", "person", { failure });
    return;
  }
  deps.tally.push(challenge.factorType, sent.reach);
  deps.traces?.span(challenge.attemptId, `push:${challenge.factorType}`, from, sent.reach);
  const pollAt = asks.state === undefined ? null : await firstApprovalPoll(deps, deps.now());
  await deps.challenges.confirmSent(challenge.id, sent, pollAt);
  if (pollAt !== null) await deps.polls.schedule("approval", challenge.id, pollAt);
  for (const each of sent.unreached ?? []) {
    const at = nextRing(1, each, challenge.expiresAt, deps.now());
    if (at !== null) deps.rings.schedule(challenge.id, each.factorId, at);
  }
  await settleFromEarlierCallback(deps, challenge.id, challenge.providerId, sent.ref);
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
