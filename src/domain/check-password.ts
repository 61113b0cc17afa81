import type { Deps } from "./deps.js";
import { sessionBucket } from "./failures.js";
import { normalizePassword } from "./password-policy.js";
import type { Subscriber } from "./subscriber.js";

/** `not-judged`: too many failures before; the answer is the same as for `wrong`. */
export type Judged = "right" | "wrong" | "not-judged";

/**
 * Judges a password, in turn, after the try was counted; the hash is renewed when the settings have risen.
 *
 * A right one gives back its own try and no other: where a phone is enrolled it is half a sign-in, and whoever has it
 * must not buy new guesses at the codes with it. Callers clear the bucket when nothing more is asked.
 *
 * @param isOwn - A browser or session that the owner uses: its turn comes before that of unknown browsers.
 */
export async function checkPassword(
  deps: Pick<Deps, "subscribers" | "passwords" | "failures" | "settings" | "now">,
  subscriber: Subscriber | null,
  password: string,
  bucket: string,
  isOwn: boolean,
): Promise<Judged> {
  const normal = normalizePassword(password);
  return deps.passwords.inTurn(async () => {
    if ((await deps.failures.take(bucket, deps.now(), deps.settings)) !== null) return "not-judged";
    if (subscriber === null) {
      await deps.passwords.verifyNothing(normal);
      return "wrong";
    }
    const { passwordHash } = subscriber;
    // Another system may have hashed what was typed as it was.
    const isRight =
      (await deps.passwords.verify(passwordHash, normal)) ||
      (normal !== password &&
        deps.passwords.needsRehash(passwordHash) &&
        (await deps.passwords.verify(passwordHash, password)));
    if (!isRight) return "wrong";
    await deps.failures.giveBack(bucket);
    if (deps.passwords.needsRehash(passwordHash))
      await deps.subscribers.rehash(subscriber.id, passwordHash, await deps.passwords.hash(normal));
    return "right";
  }, isOwn);
}

/** For somebody who is signed in: the failures are the session's own, and a right password forgets them. */
export async function confirmPassword(
  deps: Pick<Deps, "subscribers" | "passwords" | "failures" | "settings" | "now">,
  sessionId: string,
  subscriber: Subscriber,
  password: string,
): Promise<boolean> {
  const bucket = sessionBucket(sessionId);
  if ((await checkPassword(deps, subscriber, password, bucket, true)) !== "right") return false;
  await deps.failures.clear(bucket);
  return true;
}
