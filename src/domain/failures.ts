import type { Attempt } from "./attempt.js";
import type { KnownBrowser, Subscriber } from "./subscriber.js";

/** Failures by bucket, counted before they are judged. */
export interface Failures {
  /** @returns null when it may be tried now (and is counted), else the seconds to wait. */
  take(bucket: string, now: Date, limits: FailureLimits): Promise<number | null>;
  /** The try that was counted last was no failure. */
  giveBack(bucket: string): Promise<void>;
  clear(bucket: string): Promise<void>;
}

/** How waits grow: nothing for the first few failures, then a time that doubles up to the longest; `failureLimit` in all. */
export interface FailureLimits {
  readonly failureLimit: number;
  readonly failureWaitSeconds: number;
  readonly failureWaitMaxSeconds: number;
}

/** Tries without a wait. */
const FREE_TRIES = 5;

/** How many seconds after the latest of so many failures in a row the next try has to wait yet; 0 when it may come now. */
export function secondsToWait(failures: number, lastAt: Date, now: Date, limits: FailureLimits): number {
  const { failureLimit, failureWaitSeconds, failureWaitMaxSeconds } = limits;
  if (failureLimit > 0 && failures >= failureLimit) return failureWaitMaxSeconds || 3600;
  // Of tries that cross, one may have been counted a moment later than another one's `now`: that alone is no wait.
  if (failures < FREE_TRIES || failureWaitSeconds === 0) return 0;
  const wait = Math.min(failureWaitMaxSeconds, failureWaitSeconds * 2 ** Math.min(failures - FREE_TRIES, 20));
  return Math.max(0, Math.ceil((lastAt.getTime() - now.getTime()) / 1000 + wait));
}

/**
 * Where wrong passwords are counted: all unknown browsers share one bucket for each name, whether the name exists or not,
 * and each known browser has its own, so that nobody else can use up the owner's tries.
 */
export function passwordBucket(nameKey: string, browser: Pick<KnownBrowser, "id"> | null): string {
  return browser === null ? `name:${nameKey}` : `browser:${browser.id}`;
}

/** Where wrong codes of an attempt are counted: an unknown browser shares the bucket of wrong passwords. */
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
