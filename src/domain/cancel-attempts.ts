import type { Attempt } from "./attempt.js";
import type { Deps } from "./deps.js";
import { endAttempt } from "./end-attempts.js";
import { settleChallenge } from "./settle-challenge.js";

/**
 * The person gives up: the push is void and the attempt is over. Approving it afterwards does nothing.
 *
 * @returns false when it was over already, by a sign-in for instance.
 */
export async function cancelAttempt(deps: Deps, attempt: Attempt): Promise<boolean> {
  const isEnded = await deps.transaction((rows) => endAttempt(rows, attempt, "cancelled", deps.now()));
  await cancelPush(deps, attempt);
  return isEnded;
}

/** Withdraws what still waits on the phone for an attempt that is over. */
export async function cancelPush(deps: Deps, attempt: Attempt): Promise<void> {
  const live = await deps.challenges.findLiveOfBrowser(attempt.browserHash);
  if (live?.attemptId === attempt.id) await settleChallenge(deps, live.id, "cancelled", "person");
}

/** Withdraws whatever waits on the phone for an account whose attempts were ended. */
export async function cancelPushesOf(deps: Deps, subscriberId: string): Promise<void> {
  for (const challenge of await deps.challenges.findLiveOfSubscriber(subscriberId))
    await settleChallenge(deps, challenge.id, "cancelled", "person");
}
