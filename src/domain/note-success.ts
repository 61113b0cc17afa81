import { type Attempt } from "./attempt.js";
import { failureBucket } from "./check-password.js";
import { type Deps } from "./deps.js";
import { type Subscriber } from "./subscriber.js";

/** Where wrong codes of an attempt are counted: whoever holds the password alone shares the strangers' bucket. */
export function codeBucket(usernameKey: string, attempt: Pick<Attempt, "subscriberId" | "isKnownBrowser">): string {
  return attempt.isKnownBrowser ? `code:${attempt.subscriberId}` : failureBucket(usernameKey, null);
}

/** A sign-in or a step-up went all the way: failures and pushes of this kind of browser are counted anew. */
export async function noteSuccess(
  deps: Pick<Deps, "subscribers" | "failures" | "now">,
  attempt: Pick<Attempt, "subscriberId" | "isKnownBrowser">,
  subscriber: Pick<Subscriber, "usernameKey"> | null,
): Promise<void> {
  await deps.subscribers.noteSuccess(attempt.subscriberId, deps.now(), attempt.isKnownBrowser);
  if (subscriber !== null) await deps.failures.clear(codeBucket(subscriber.usernameKey, attempt));
}
