import { confirmPassword } from "./check-password.js";
import { type Deps, type Origin } from "./deps.js";
import { Invalid } from "./errors.js";
import { normalizePassword, passwordProblem } from "./password-policy.js";
import { type Session } from "./session.js";
import { hasStepUp, useStepUp } from "./step-up.js";
import { type Subscriber } from "./subscriber.js";
import { cancelAllOf } from "./waiting-attempt.js";

/**
 * A new password for the old one. Where a phone is enrolled it needs a step-up too, which is used only when everything
 * else is right. Other sessions end with the account's next epoch.
 *
 * @returns the new epoch, or null when a step-up is missing.
 * @throws Invalid with what is wrong with a field.
 */
export async function changePassword(
  deps: Deps,
  session: Session,
  subscriber: Subscriber,
  form: { currentPassword: string; password: string },
  origin: Origin,
): Promise<number | null> {
  const hasFactor = (await deps.factors.findActive(subscriber.id)) !== null;
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
  if (hasFactor && !(await useStepUp(deps, session, "change-password"))) return null;
  const epoch = await deps.subscribers.changePassword(subscriber.id, subscriber.passwordHash, hash);
  if (epoch === null) throw new Invalid({ current_password: { code: "changed" } });
  await cancelAllOf(deps, subscriber.id);
  await deps.audit.record({
    subscriberId: subscriber.id,
    kind: "password-changed",
    at: deps.now(),
    ...origin,
    detail: "",
  });
  return epoch;
}
