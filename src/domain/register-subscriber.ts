import { randomUUID } from "node:crypto";

import { allOrNothing } from "./all-or-nothing.js";
import { checkPassword } from "./check-password.js";
import type { Deps } from "./deps.js";
import { emailProblem, plainEmail } from "./email-address.js";
import { Invalid } from "./errors.js";
import { passwordBucket } from "./failures.js";
import { openSession, type SessionBrowser, type SignedIn } from "./open-session.js";
import type { Language } from "./language.js";
import { normalizePassword, passwordProblem } from "./password-policy.js";
import { hashSecret } from "./secrets.js";
import { PASSWORD_ALONE } from "./sign-in.js";
import { usernameKey, usernameProblem } from "./username.js";

type RegisterDeps = Pick<
  Deps,
  "subscribers" | "browsers" | "factors" | "failures" | "passwords" | "transaction" | "settings" | "now"
>;

/** A browser that opens an account gets a key of its visit's own, by which a repeat of the same form is known. */
export type RegisteringBrowser = SessionBrowser & { readonly firstKey: string };

const atFirst = { level: 1, methods: PASSWORD_ALONE, challengeId: null, isRemembered: false } as const;

/** How long the same form of the same visit counts as sent again because the reply was lost. */
const REPEATED_WITHIN_MS = 60_000;

/**
 * Opens an account, and signs its browser in. A message with a link that confirms the address goes out.
 *
 * @param mayMail - False where its client address has caused too many messages already.
 * @throws Invalid with a problem for each field that must be mended, a name that is taken among them.
 * @throws Busy when too many passwords wait to be hashed.
 */
export async function registerSubscriber(
  deps: RegisterDeps,
  form: { username: string; email: string; password: string; language?: Language; timeZone?: string | null },
  browser: RegisteringBrowser,
  mayMail = true,
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
    language: form.language ?? null,
    timeZone: form.timeZone ?? null,
    lastSuccessAt: at,
    createdAt: at,
  };
  const signedIn = await allOrNothing(deps, async (inside) => {
    if (!(await inside.subscribers.insert(subscriber))) return null;
    await inside.audit.record({
      ...{ subscriberId: subscriber.id, kind: "registered", at, origin: browser },
      mails: mayMail ? [{ kind: "welcome" }] : [],
    });
    return openSession(inside, { ...atFirst, subscriberId: subscriber.id, epoch: 1, passwordAt: at }, browser);
  });
  const repeated = signedIn ?? (await signInAgain(deps, subscriber.usernameKey, form.password, browser));
  if (repeated === null) throw new Invalid({ username: { code: "taken" } });
  return repeated;
}

/** The form was sent twice, or its reply was lost: the account is this visit's own, and the password is right. */
async function signInAgain(
  deps: RegisterDeps,
  key: string,
  password: string,
  browser: RegisteringBrowser,
): Promise<SignedIn | null> {
  const subscriber = await deps.subscribers.findByName(key);
  if (subscriber?.disabledAt !== null || deps.now().getTime() - subscriber.createdAt.getTime() > REPEATED_WITHIN_MS)
    return null;
  const known = await deps.browsers.find(subscriber.id, hashSecret(browser.firstKey));
  if (known === null || (await deps.factors.listActive(subscriber.id)).length > 0) return null;
  if ((await checkPassword(deps, subscriber, password, passwordBucket(key, known), true)) !== "right") return null;
  const { id: subscriberId, epoch, createdAt: passwordAt } = subscriber;
  return allOrNothing(deps, (inside) =>
    openSession(inside, { ...atFirst, subscriberId, epoch, passwordAt }, { ...browser, knownKey: browser.firstKey }),
  );
}
