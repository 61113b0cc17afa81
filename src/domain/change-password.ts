import { allOrNothing } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { confirmPassword } from "./check-password.js";
import type { Deps } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { Invalid } from "./errors.js";
import { renewSessionAlone, type SessionBrowser, type SignedIn } from "./open-session.js";
import { normalizePassword, passwordProblem } from "./password-policy.js";
import type { Session } from "./session.js";
import { hasStepUp, useStepUp } from "./step-up.js";
import type { Subscriber } from "./subscriber.js";

/**
 * A new password for the old one. Where a phone is enrolled it needs a step-up too, which is used only when everything
 * else is right. Other sessions end with the account's next epoch.
 *
 * @returns the session under its new key, or null when a step-up is missing.
 * @throws Invalid with what is wrong with a field.
 */
export async function changePassword(
  deps: Deps,
  session: Session,
  subscriber: Subscriber,
  form: { currentPassword: string; password: string },
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const hasFactor = (await deps.factors.listActive(subscriber.id)).length > 0;
  if (hasFactor && !(await hasStepUp(deps, session, "change-password"))) return null;
  const problem = passwordProblem(form.password, {
    username: subscriber.username,
    email: subscriber.email,
    appName: deps.settings.appName,
    minLength: deps.settings.passwordMinLength,
    isCommon: (password, amongFirst) => deps.passwords.isCommon(password, amongFirst),
  });
  if (problem !== null) throw new Invalid({ password: problem });
  if (!(await confirmPassword(deps, session.id, subscriber, form.currentPassword)))
    throw new Invalid({ current_password: { code: "wrong" } });
  const hash = await deps.passwords.inTurn(() => deps.passwords.hash(normalizePassword(form.password)), true);
  const changed = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    // First, since it locks the account: a sign-in that is being finished comes before all of this or after it.
    const epoch = await inside.subscribers.changePassword(subscriber.id, subscriber.passwordHash, hash);
    if (epoch === null) throw new Invalid({ current_password: { code: "changed" } });
    if (hasFactor && !(await useStepUp(inside, session, "change-password"))) return null;
    await endAttemptsOfSubscriber(inside, subscriber.id, at, session.id);
    await inside.audit.record({
      ...{ subscriberId: subscriber.id, kind: "password-changed", at, origin: browser },
      mails: [{ kind: "password-changed" }],
    });
    return renewSessionAlone(inside, session, { epoch, passwordAt: at }, browser);
  });
  if (changed !== null) await cancelPushesOf(deps, subscriber.id);
  return changed;
}
