import { type AuditKind } from "./audit.js";
import { type Deps } from "./deps.js";
import { type Subscriber } from "./subscriber.js";
import { cancelAllOf } from "./waiting-attempt.js";

const OPERATOR = { address: "", browserLabel: "", detail: "operator" };

/**
 * Removes the phone and the recovery codes of somebody who lost both; sessions end. Authy is told by the worker.
 *
 * @returns false when no phone was enrolled.
 */
export async function resetTwoFactor(deps: Deps, subscriber: Subscriber): Promise<boolean> {
  const epoch = await deps.factors.remove(subscriber.id, deps.now());
  if (epoch === null) return false;
  await cancelAllOf(deps, subscriber.id);
  await record(deps, subscriber, "phone-removed");
  return true;
}

/** Forgets failed tries, and lets requests go to the phone again. */
export async function unlock(deps: Deps, subscriber: Subscriber): Promise<void> {
  const buckets = (await deps.browsers.list(subscriber.id)).map(({ id }) => `browser:${id}`);
  for (const bucket of [`name:${subscriber.usernameKey}`, `code:${subscriber.id}`, ...buckets])
    await deps.failures.clear(bucket);
  await deps.subscribers.unfreezePushes(subscriber.id);
  for (const isKnownBrowser of [true, false])
    await deps.subscribers.noteSuccess(subscriber.id, deps.now(), isKnownBrowser);
  await record(deps, subscriber, "unlocked");
}

/** Ends every session and attempt of an account. */
export async function signOutEverywhere(deps: Deps, subscriber: Subscriber): Promise<void> {
  await deps.subscribers.nextEpoch(subscriber.id);
  await cancelAllOf(deps, subscriber.id);
  await record(deps, subscriber, "session-ended");
}

async function record(deps: Pick<Deps, "audit" | "now">, subscriber: Subscriber, kind: AuditKind): Promise<void> {
  await deps.audit.record({ ...OPERATOR, subscriberId: subscriber.id, kind, at: deps.now() });
}
