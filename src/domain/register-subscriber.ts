import { randomUUID } from "node:crypto";

import { allOrNothing } from "./all-or-nothing.js";
import { type Deps } from "./deps.js";
import { emailProblem, plainEmail } from "./email-address.js";
import { Invalid } from "./errors.js";
import { openSession, type SessionBrowser, type SignedIn } from "./open-session.js";
import { normalizePassword, passwordProblem } from "./password-policy.js";
import { recordEvent } from "./record-event.js";
import { usernameKey, usernameProblem } from "./username.js";

/**
 * Opens an account, and signs its browser in.
 *
 * @throws Invalid with a problem for each field that must be mended, a name that is taken among them.
 * @throws Busy when too many passwords wait to be hashed.
 */
export async function registerSubscriber(
  deps: Pick<Deps, "passwords" | "transaction" | "settings" | "now">,
  form: { username: string; email: string; password: string },
  browser: SessionBrowser,
): Promise<SignedIn> {
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
  const signedIn = await allOrNothing(deps, async (inside) => {
    if (!(await inside.subscribers.insert(subscriber))) return null;
    await recordEvent(inside, { subscriberId: subscriber.id, kind: "registered", at, origin: browser });
    return openSession(
      inside,
      { subscriberId: subscriber.id, level: 1, epoch: 1, challengeId: null, isRemembered: false, passwordAt: at },
      browser,
    );
  });
  if (signedIn === null) throw new Invalid({ username: { code: "taken" } });
  return signedIn;
}
