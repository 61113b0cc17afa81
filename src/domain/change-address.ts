import { allOrNothing } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { confirmPassword } from "./check-password.js";
import { takeBack } from "./close-account.js";
import type { Deps, Origin } from "./deps.js";
import { emailProblem, plainEmail } from "./email-address.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { Invalid, TooMany } from "./errors.js";
import { findLink } from "./find-link.js";
import { hasTooMany } from "./request-reset.js";
import type { Session } from "./session.js";
import { hasStepUp, useStepUp } from "./step-up.js";
import type { Subscriber } from "./subscriber.js";

/**
 * Another address, or the same once more where it was never confirmed. It counts when its own mailbox has confirmed it: until
 * then the former one stays. Where a factor is enrolled it needs a step-up, which is used only when all else is right.
 *
 * @returns false where a step-up is missing.
 * @throws Invalid with what is wrong with a field; TooMany where the account has caused too many messages.
 */
export async function askForAddress(
  deps: Deps,
  session: Session,
  subscriber: Subscriber,
  form: { email: string; currentPassword: string },
  origin: Origin,
): Promise<boolean> {
  const { id: subscriberId, epoch } = subscriber;
  const hasFactor = (await deps.factors.listActive(subscriberId)).length > 0;
  if (hasFactor && !(await hasStepUp(deps, session, "change-email"))) return false;
  const email = plainEmail(form.email);
  const problem = emailProblem(email);
  if (problem !== null) throw new Invalid({ email: problem });
  if (email === subscriber.email && subscriber.emailVerifiedAt !== null) throw new Invalid({ email: { code: "same" } });
  if (!(await confirmPassword(deps, session.id, subscriber, form.currentPassword)))
    throw new Invalid({ current_password: { code: "wrong" } });
  const asked = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    const pending = email === subscriber.email ? null : email;
    if (!(await inside.subscribers.awaitEmail(subscriberId, epoch, pending))) return null;
    if (await hasTooMany(inside, subscriberId, deps.settings.mailsPerAccount, at)) throw new TooMany("mails", 3600);
    if (hasFactor && !(await useStepUp(inside, session, "change-email"))) return null;
    await inside.audit.record({
      ...{ subscriberId, kind: "address-change-asked", at, origin },
      mails: [{ kind: "confirm-address", to: email }],
    });
    return true;
  });
  return asked !== null;
}

/**
 * Confirms the address that the link was sent to. Where it is a new one the former address is told, with a link that undoes
 * the change.
 *
 * @returns false when the link opens nothing.
 */
export async function confirmAddress(deps: Deps, token: string, origin: Origin): Promise<boolean> {
  const open = await findLink(deps, "verify", token);
  if (open === null) return false;
  const { link, subscriber } = open;
  const { id: subscriberId, email: former } = subscriber;
  const isDone = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    if (!(await inside.subscribers.hold(subscriberId, subscriber.epoch))) return null;
    if (!(await inside.links.use(link.mailId, at))) return null;
    // Read again: it may have changed before the account was held.
    const account = await inside.subscribers.find(subscriberId);
    if (account?.email !== former || account.pendingEmail !== subscriber.pendingEmail) return null;
    await inside.subscribers.confirmEmail(subscriberId, link.address, at);
    const event = { subscriberId, at, origin };
    if (link.address === former) await inside.audit.record({ ...event, kind: "address-confirmed" });
    else
      await inside.audit.record({
        ...{ ...event, kind: "address-changed" },
        mails: [{ kind: "address-changed-old", to: former }, { kind: "address-changed-new" }],
      });
    return true;
  });
  return isDone !== null;
}

/**
 * Gives the account its former address back, signs everybody out and asks for a new password: whoever changed it was somebody
 * else. Links that were sent after that change end with it, so that they cannot be turned against the owner.
 *
 * @returns false when the link opens nothing.
 */
export async function undoAddress(deps: Deps, token: string, origin: Origin): Promise<boolean> {
  const open = await findLink(deps, "undo", token);
  if (open === null) return false;
  const { link } = open;
  const { subscriberId } = link;
  const isDone = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    const frozenUntil = new Date(at.getTime() + deps.settings.pushFreezeSeconds * 1000);
    await inside.subscribers.raiseAlarm(subscriberId, frozenUntil);
    if (!(await inside.links.use(link.mailId, at))) return null;
    await inside.links.endYounger(link, at);
    await takeBack(inside, subscriberId, origin);
    await inside.subscribers.confirmEmail(subscriberId, link.address, at);
    await endAttemptsOfSubscriber(inside, subscriberId, at);
    await inside.audit.record({ subscriberId, kind: "address-change-undone", at, origin });
    return true;
  });
  if (isDone === null) return false;
  await cancelPushesOf(deps, subscriberId);
  return true;
}
