import { type Deps, type FailureLimits, type RuleSettings } from "./deps.js";
import { normalizePassword } from "./password-policy.js";
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
 * Where failures are counted: strangers share one bucket for each name, whether the name exists or not, and each
 * browser of the owner has its own, so that no stranger can use up the owner's tries.
 */
export function failureBucket(nameKey: string, browser: KnownBrowser | null): string {
  return browser === null ? `name:${nameKey}` : `browser:${browser.id}`;
}

/**
 * Judges a password, in turn, after the try was counted.
 *
 * @returns true only when it may be tried now and is right; the hash is renewed when the settings have risen.
 */
export async function checkPassword(
  deps: Pick<Deps, "subscribers" | "passwords" | "failures" | "settings" | "now">,
  subscriber: Subscriber | null,
  password: string,
  bucket: string,
): Promise<boolean> {
  const normal = normalizePassword(password);
  return deps.passwords.inTurn(async () => {
    if ((await deps.failures.take(bucket, deps.now(), failureLimits(deps.settings))) !== null) return false;
    if (subscriber === null) {
      await deps.passwords.verifyNothing(normal);
      return false;
    }
    if (!(await deps.passwords.verify(subscriber.passwordHash, normal))) return false;
    await deps.failures.clear(bucket);
    if (deps.passwords.needsRehash(subscriber.passwordHash))
      await deps.subscribers.rehash(subscriber.id, subscriber.passwordHash, await deps.passwords.hash(normal));
    return true;
  });
}
