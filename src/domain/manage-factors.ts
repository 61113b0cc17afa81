import { resetTwoFactor } from "./administer.js";
import { allOrNothing, type Inside } from "./all-or-nothing.js";
import { factorDetail } from "./audit.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import type { Deps, Origin } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import type { Factor } from "./factor.js";
import { unprovedSuccessor } from "./move-from-authy.js";
import { renewSessionAlone, type SessionBrowser, type SignedIn } from "./open-session.js";
import { plainText } from "./push-text.js";
import { removeInHistory } from "./remove-factors.js";
import type { Session } from "./session.js";
import { useStepUp } from "./step-up.js";
import type { Subscriber } from "./subscriber.js";

const LABEL_MAX = 60;

/**
 * Removes one factor of several, by a step-up that names it. Every other session ends. The last one is removed by disabling
 * two-factor sign-in alone, and one whose place another takes not before that one has approved a sign-in.
 *
 * @returns the session under its new key; null without the step-up, or where it is not one of several.
 */
export async function removeFactor(
  deps: Deps,
  session: Session,
  factorId: string,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const { subscriberId, epoch } = session;
  const renewed = await allOrNothing(deps, async (inside) => {
    if (!(await removeOne(inside, subscriberId, factorId, browser, "owner"))) return null;
    if (!(await useStepUp(inside, session, "remove-factor", factorId))) return null;
    await endAttemptsOfSubscriber(inside, subscriberId, inside.now(), session.id);
    return renewSessionAlone(inside, session, { epoch: epoch + 1 }, browser);
  });
  if (renewed !== null) await cancelPushesOf(deps, subscriberId);
  return renewed;
}

/** Removes one factor for an operator; of the last one the recovery codes end, too. @returns false when it is none of theirs. */
export async function removeFactorOf(deps: Deps, subscriber: Subscriber, factorId: string): Promise<boolean> {
  const { id } = subscriber;
  const active = await deps.factors.listActive(id);
  if (!active.some((factor) => factor.id === factorId)) return false;
  if (active.length === 1) return resetTwoFactor(deps, subscriber);
  const removed = await allOrNothing(deps, async (inside) => {
    const origin = { address: "", browserLabel: "" };
    if (!(await removeOne(inside, id, factorId, origin, "operator"))) return null;
    await endAttemptsOfSubscriber(inside, id, inside.now());
    return true;
  });
  await cancelPushesOf(deps, id);
  return removed !== null;
}

/** The account's next epoch comes first, since it locks the account: of two at once the second finds one factor less. */
async function removeOne(
  { subscribers, factors, audit, now }: Inside,
  subscriberId: string,
  factorId: string,
  origin: Origin,
  by: "owner" | "operator",
): Promise<boolean> {
  const at = now();
  await subscribers.nextEpoch(subscriberId);
  const active = await factors.listActive(subscriberId);
  const factor = active.find(({ id }) => id === factorId);
  if (factor === undefined || active.length === 1) return false;
  if (by === "owner" && unprovedSuccessor(factor, active) !== undefined) return false;
  await removeInHistory({ factors, audit }, factor, at, origin, by === "operator" ? by : "");
  return true;
}

/** Gives a factor the name by which its owner knows it; empty takes it back. @returns false when it is none of theirs. */
export async function renameFactor(
  { transaction, now }: Pick<Deps, "transaction" | "now">,
  { id, subscriberId, type, label: former }: Factor,
  label: string,
  origin: Origin,
): Promise<boolean> {
  const plain = plainText(label, LABEL_MAX);
  return transaction(async ({ factors, audit }) => {
    if (!(await factors.rename(subscriberId, id, plain))) return false;
    const event = { subscriberId, kind: "phone-enrolled", at: now(), origin } as const;
    if (plain !== former) await audit.record({ ...event, detail: factorDetail(type, "renamed") });
    return true;
  });
}

/** From now on signing in begins with this factor. @returns false when it is none of theirs. */
export async function preferFactor(
  { transaction, now }: Pick<Deps, "transaction" | "now">,
  { id, subscriberId, type, isPreferred }: Factor,
  origin: Origin,
): Promise<boolean> {
  return transaction(async ({ factors, audit }) => {
    if (!(await factors.prefer(subscriberId, id))) return false;
    const event = { subscriberId, kind: "phone-enrolled", at: now(), origin } as const;
    if (!isPreferred) await audit.record({ ...event, detail: factorDetail(type, "preferred") });
    return true;
  });
}
