import { type Attempt } from "./attempt.js";
import { type FailureLimits, type RuleSettings } from "./deps.js";
import { type KnownBrowser, type Subscriber } from "./subscriber.js";

/** How failures of one bucket grow into waits. */
export function failureLimits(settings: RuleSettings): FailureLimits {
  return {
    limit: settings.failureLimit,
    waitSeconds: settings.failureWaitSeconds,
    maxWaitSeconds: settings.failureWaitMaxSeconds,
  };
}

/**
 * Where wrong passwords are counted: strangers share one bucket for each name, whether the name exists or not, and each
 * browser of the owner has its own, so that no stranger can use up the owner's tries.
 */
export function passwordBucket(nameKey: string, browser: Pick<KnownBrowser, "id"> | null): string {
  return browser === null ? `name:${nameKey}` : `browser:${browser.id}`;
}

/** Where wrong codes of an attempt are counted: whoever holds the password alone shares the strangers' bucket. */
export function codeBucket(
  usernameKey: string,
  { subscriberId, isKnownBrowser }: Pick<Attempt, "subscriberId" | "isKnownBrowser">,
): string {
  return isKnownBrowser ? `code:${subscriberId}` : passwordBucket(usernameKey, null);
}

/** Where wrong passwords of somebody who is signed in are counted. */
export function sessionBucket(sessionId: string): string {
  return `session:${sessionId}`;
}

/** Every bucket in which an account's failures may stand, but those of single sessions. */
export function bucketsOf(
  { id, usernameKey }: Pick<Subscriber, "id" | "usernameKey">,
  browsers: readonly KnownBrowser[],
): string[] {
  const codes = { subscriberId: id, isKnownBrowser: true };
  return [
    passwordBucket(usernameKey, null),
    codeBucket(usernameKey, codes),
    ...browsers.map((browser) => passwordBucket(usernameKey, browser)),
  ];
}
