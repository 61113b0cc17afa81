import { randomUUID } from "node:crypto";

import { type Deps, type Origin } from "./deps.js";
import { emailProblem, plainEmail } from "./email-address.js";
import { Invalid } from "./errors.js";
import { normalizePassword, passwordProblem } from "./password-policy.js";
import { type Subscriber } from "./subscriber.js";
import { usernameKey, usernameProblem } from "./username.js";

/**
 * Opens an account.
 *
 * @throws Invalid with a problem for each field that must be mended, a name that is taken among them.
 * @throws Busy when too many passwords wait to be hashed.
 */
export async function registerSubscriber(
  deps: Pick<Deps, "subscribers" | "passwords" | "audit" | "settings" | "now">,
  form: { username: string; email: string; password: string },
  origin: Origin,
): Promise<Subscriber> {
  const username = form.username.normalize("NFKC").trim();
  const email = plainEmail(form.email);
  const wrongName = usernameProblem(username);
  const wrongEmail = emailProblem(email);
  const wrongPassword = passwordProblem(form.password, {
    username,
    email,
    appName: deps.settings.appName,
    minLength: deps.settings.passwordMinLength,
    isCommon: (password, amongFirst) => deps.passwords.isCommon(password, amongFirst),
  });
  if (wrongName !== null || wrongEmail !== null || wrongPassword !== null)
    throw new Invalid({
      ...(wrongName === null ? {} : { username: wrongName }),
      ...(wrongEmail === null ? {} : { email: wrongEmail }),
      ...(wrongPassword === null ? {} : { password: wrongPassword }),
    });

  const passwordHash = await deps.passwords.inTurn(() => deps.passwords.hash(normalizePassword(form.password)));
  const at = deps.now();
  const subscriber = {
    id: randomUUID(),
    username,
    usernameKey: usernameKey(username),
    email,
    passwordHash,
    lastSuccessAt: at,
    createdAt: at,
  };
  if (!(await deps.subscribers.insert(subscriber))) throw new Invalid({ username: { code: "taken" } });
  await deps.audit.record({ subscriberId: subscriber.id, kind: "registered", at, ...origin, detail: "" });
  return { ...subscriber, epoch: 1, mustChangePassword: false, pushFrozenUntil: null, strangersSuccessAt: null };
}
