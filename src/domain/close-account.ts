import { randomUUID } from "node:crypto";

import { allOrNothing, type Inside } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { confirmPassword } from "./check-password.js";
import type { Deps, Origin } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { Invalid } from "./errors.js";
import type { Session } from "./session.js";
import { hasStepUp, useStepUp } from "./step-up.js";
import type { Subscriber } from "./subscriber.js";

const BATCH = 100;
const NOWHERE: Origin = { address: "", browserLabel: "" };

/** All rows about one account, of every noun. */
export interface AccountRows {
  /** What is kept about the person, by the name of what it is: neither a hash nor anything that opens something. */
  read(subscriberId: string): Promise<Record<string, readonly object[]>>;
  /**
   * Removes all of it, the account last. What stays is under another id: the history, without addresses, browsers and names;
   * messages that are owed; a phone of which its provider was not told yet; notices of sign-outs, for a week.
   */
  erase(subscriberId: string, historyId: string, at: Date): Promise<void>;
}

/** When an account that was closed then is erased. */
export function erasedFrom(closedAt: Date, { closeGraceSeconds }: Pick<Deps["settings"], "closeGraceSeconds">): Date {
  return new Date(closedAt.getTime() + closeGraceSeconds * 1000);
}

/**
 * Closes an account for its owner: everybody is signed out, and unless somebody signs in until then, it is erased. Where a
 * factor is enrolled it needs a step-up, else the password.
 *
 * @returns from when on it is erased; null where a step-up is missing.
 * @throws Invalid for a wrong password.
 */
export async function closeAccount(
  deps: Deps,
  session: Session,
  subscriber: Subscriber,
  currentPassword: string,
  origin: Origin,
): Promise<Date | null> {
  const { id: subscriberId, epoch } = subscriber;
  const hasFactor = (await deps.factors.listActive(subscriberId)).length > 0;
  if (hasFactor && !(await hasStepUp(deps, session, "close-account"))) return null;
  if (!hasFactor && !(await confirmPassword(deps, session.id, subscriber, currentPassword)))
    throw new Invalid({ current_password: { code: "wrong" } });
  const from = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    if (!(await inside.subscribers.close(subscriberId, epoch, at))) return null;
    // A factor that was added since has its say.
    if ((await inside.factors.listActive(subscriberId)).length > 0 !== hasFactor) return null;
    if (hasFactor && !(await useStepUp(inside, session, "close-account"))) return null;
    await endAttemptsOfSubscriber(inside, subscriberId, at);
    const erased = erasedFrom(at, deps.settings);
    await inside.audit.record({
      ...{ subscriberId, kind: "account-closed", at, origin },
      mails: [{ kind: "account-closed", detail: erased.toISOString() }],
    });
    return erased;
  });
  if (from !== null) await cancelPushesOf(deps, subscriberId);
  return from;
}

/** Whoever signs in, or says that it was somebody else, takes a closed account back. @returns false when it was not closed. */
export async function takeBack(
  { subscribers, audit, now }: Pick<Inside, "subscribers" | "audit" | "now">,
  subscriberId: string,
  origin: Origin,
  detail = "",
): Promise<boolean> {
  if (!(await subscribers.reopen(subscriberId))) return false;
  await audit.record({ subscriberId, kind: "account-reopened", at: now(), origin, detail });
  return true;
}

/** Erases the accounts whose time to be taken back is over. */
export async function eraseClosedAccounts(deps: Deps): Promise<void> {
  for (;;) {
    const closedBefore = new Date(deps.now().getTime() - deps.settings.closeGraceSeconds * 1000);
    const closed = await deps.subscribers.findClosed(closedBefore, BATCH);
    for (const each of closed)
      if (isUsedSince(each)) await deps.transaction((rows) => takeBack({ ...rows, now: deps.now }, each.id, NOWHERE));
      else if (await eraseAccount(deps, each, "", (inside) => inside.subscribers.holdClosed(each)))
        deps.log.info({ subscriberId: each.id }, "a closed account was erased");
    if (closed.length < BATCH) return;
  }
}

/** Somebody signed in by a process of the release before, which takes no account back. */
function isUsedSince({ closedAt, lastSuccessAt, strangersSuccessAt }: Subscriber): boolean {
  return closedAt !== null && [lastSuccessAt, strangersSuccessAt].some((at) => at !== null && at > closedAt);
}

/**
 * Erases an account at once, with everything that hangs on it, in one transaction. Its owner is told by a last message.
 *
 * @param how - A word for the history.
 * @param hold - Locks the account's row; false where it is not to be erased any more.
 * @returns false when it is gone already, or not to be erased.
 */
export async function eraseAccount(
  deps: Deps,
  { id, email, language, timeZone }: Subscriber,
  how: string,
  hold: (inside: Inside) => Promise<boolean> = ({ subscribers }) => subscribers.nextEpoch(id),
): Promise<boolean> {
  const historyId = randomUUID();
  const waiting = await deps.challenges.findLiveOfSubscriber(id);
  const isErased = await allOrNothing(deps, async (inside) => {
    if (!(await hold(inside))) return null;
    const at = inside.now();
    await endAttemptsOfSubscriber(inside, id, at);
    await inside.accountRows.erase(id, historyId, at);
    await inside.audit.record({
      ...{ subscriberId: historyId, kind: "account-erased", at, origin: NOWHERE, detail: how },
      mails: [{ kind: "account-erased", to: email, detail: `${language ?? ""} ${timeZone ?? ""}` }],
    });
    return true;
  });
  if (isErased === null) return false;
  for (const { id: challengeId } of waiting) deps.feed.changed(challengeId);
  return true;
}
