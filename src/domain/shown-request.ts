import type { Attempt } from "./attempt.js";
import type { Challenge } from "./challenge.js";
import type { Deps } from "./deps.js";
import { pushText } from "./push-text.js";
import { hashMatchCode } from "./secrets.js";
import type { Subscriber } from "./subscriber.js";

/** A request as a phone of our own shows it, and signs it. */
export interface ShownRequest {
  readonly id: string;
  readonly message: string;
  readonly details: readonly (readonly [name: string, value: string])[];
  /** The match code, which stands among the details, too; null where none is asked for. */
  readonly code: string | null;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export type ShownDeps = Pick<Deps, "attempts" | "subscribers" | "factors" | "pushWords" | "settings" | "matchCodes">;

/** A challenge, and what else of our rows a phone is shown of it. */
export interface AskedChallenge {
  readonly challenge: Challenge;
  readonly attempt: Pick<Attempt, "purpose" | "address" | "browserLabel" | "application" | "next">;
  readonly subscriber: Pick<Subscriber, "username" | "language">;
}

/** What a phone is shown of a challenge. @returns null when its attempt or account is gone, or as `showRequest` does. */
export async function shownRequest(deps: ShownDeps, challenge: Challenge): Promise<ShownRequest | null> {
  const { attemptId, subscriberId } = challenge;
  const [attempt, subscriber] = await Promise.all([deps.attempts.find(attemptId), deps.subscribers.find(subscriberId)]);
  return attempt === null || subscriber === null ? null : showRequest(deps, { challenge, attempt, subscriber });
}

/**
 * What a phone is shown of a challenge, from our own rows: the same words at every look, whatever language the account
 * chooses and however the factor is called meanwhile, as these words are what it signs.
 *
 * @returns null when its code was made with a key that we no longer have.
 */
export async function showRequest(
  deps: Omit<ShownDeps, "attempts" | "subscribers">,
  { challenge, attempt, subscriber }: AskedChallenge,
): Promise<ShownRequest | null> {
  const { id, attemptId, matchCodeHash, createdAt, expiresAt } = challenge;
  const code =
    matchCodeHash === null
      ? null
      : deps.matchCodes(id).find((each) => hashMatchCode(attemptId, each) === matchCodeHash);
  if (code === undefined) return null;
  const factor = attempt.purpose === "remove-factor" ? await deps.factors.find(attempt.next) : null;
  const named = factor && { ...factor, label: challenge.namedLabel ?? factor.label };
  const { message, details } = pushText(
    deps.pushWords(challenge.language ?? subscriber.language),
    attempt,
    subscriber.username,
    deps.settings.appName,
    createdAt,
    code,
    named,
  );
  return { id, message, details: Object.entries(details), code, expiresAt: expiresAt.toISOString() };
}
