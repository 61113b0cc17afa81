import { allOrNothing } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { type Deps } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { bucketsOf } from "./failures.js";
import { removeAllFactors } from "./remove-factors.js";
import { type Subscriber } from "./subscriber.js";

/** Where an operator's act comes from: no address, no browser. */
const ELSEWHERE = { address: "", browserLabel: "" };
const OPERATOR = "operator";

/**
 * Removes all factors and the recovery codes of somebody who lost them; sessions end. The worker removes them at their providers.
 *
 * @returns false when none was enrolled.
 */
export async function resetTwoFactor(deps: Deps, { id }: Subscriber): Promise<boolean> {
  const removed = await allOrNothing(deps, async (inside) => {
    if (!(await removeAllFactors(inside, id, ELSEWHERE, OPERATOR))) return null;
    await endAttemptsOfSubscriber(inside, id, inside.now());
    return true;
  });
  await cancelPushesOf(deps, id);
  return removed !== null;
}

/** Forgets failed tries, and allows requests to the phone again. */
export async function unlock(deps: Deps, subscriber: Subscriber): Promise<void> {
  await deps.transaction(async (rows) => {
    const [subscriberId, at] = [subscriber.id, deps.now()];
    await rows.subscribers.renewPushes(subscriberId, at);
    for (const bucket of bucketsOf(subscriber, await rows.browsers.list(subscriberId)))
      await rows.failures.clear(bucket);
    await rows.audit.record({ subscriberId, kind: "unlocked", at, origin: ELSEWHERE, detail: OPERATOR });
  });
}

/** Ends every session and attempt of an account. */
export async function signOutEverywhere(deps: Deps, { id: subscriberId }: Subscriber): Promise<void> {
  await deps.transaction(async (rows) => {
    await rows.subscribers.nextEpoch(subscriberId);
    const at = deps.now();
    await endAttemptsOfSubscriber(rows, subscriberId, at);
    await rows.audit.record({ subscriberId, kind: "session-ended", at, origin: ELSEWHERE, detail: OPERATOR });
  });
  await cancelPushesOf(deps, subscriberId);
}
