import { allOrNothing } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { takeBack } from "./close-account.js";
import type { Deps } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { bucketsOf } from "./failures.js";
import { removeAllFactors } from "./remove-factors.js";
import type { Subscriber } from "./subscriber.js";

/** Where an operator's act comes from: no address, no browser. */
export const ELSEWHERE = { address: "", browserLabel: "" };
export const OPERATOR = "operator";

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

/** Lets nobody sign in with an account; whoever is signed in is not any more. @returns false when it was so before. */
export async function disableAccount(deps: Deps, { id: subscriberId }: Subscriber): Promise<boolean> {
  const disabled = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    if (!(await inside.subscribers.disable(subscriberId, at))) return null;
    await endAttemptsOfSubscriber(inside, subscriberId, at);
    await inside.audit.record({ subscriberId, kind: "disabled", at, origin: ELSEWHERE, detail: OPERATOR });
    return true;
  });
  await cancelPushesOf(deps, subscriberId);
  return disabled !== null;
}

/** Takes a closed account back, too. @returns false when the account was neither disabled nor closed. */
export async function enableAccount(deps: Deps, { id: subscriberId }: Subscriber): Promise<boolean> {
  return deps.transaction(async (rows) => {
    const isTakenBack = await takeBack({ ...rows, now: deps.now }, subscriberId, ELSEWHERE, OPERATOR);
    if (!(await rows.subscribers.enable(subscriberId))) return isTakenBack;
    await rows.audit.record({ subscriberId, kind: "enabled", at: deps.now(), origin: ELSEWHERE, detail: OPERATOR });
    return true;
  });
}

/** From now on applications are told that the address is the account's own: an operator has seen to it. */
export async function verifyEmail(deps: Deps, { id: subscriberId }: Subscriber): Promise<void> {
  await deps.transaction(async (rows) => {
    const at = deps.now();
    await rows.subscribers.noteVerifiedEmail(subscriberId, at);
    await rows.audit.record({ subscriberId, kind: "email-verified", at, origin: ELSEWHERE, detail: OPERATOR });
  });
}

/** Puts an account into a group. Being in it already is no error. */
export async function joinGroup(deps: Deps, { id: subscriberId }: Subscriber, group: string): Promise<void> {
  await deps.transaction(async (rows) => {
    const at = deps.now();
    if (!(await rows.memberships.add(subscriberId, group, at))) return;
    await rows.audit.record({ subscriberId, kind: "group-joined", at, origin: ELSEWHERE, detail: group });
  });
}

/** Takes an account out of a group: what admits that group refuses it from now on. */
export async function leaveGroup(deps: Deps, { id: subscriberId }: Subscriber, group: string): Promise<void> {
  await deps.transaction(async (rows) => {
    if (!(await rows.memberships.remove(subscriberId, group))) return;
    await rows.audit.record({ subscriberId, kind: "group-left", at: deps.now(), origin: ELSEWHERE, detail: group });
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
