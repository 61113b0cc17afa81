import { randomUUID } from "node:crypto";

import { ELSEWHERE, OPERATOR } from "./administer.js";
import { allOrNothing } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import type { Deps, Origin } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { Invalid } from "./errors.js";
import { passwordBucket } from "./failures.js";
import { findLink } from "./find-link.js";
import { normalizePassword, passwordProblem } from "./password-policy.js";
import { hashSecret, newSecret } from "./secrets.js";
import type { Subscriber } from "./subscriber.js";

/**
 * A new password for whoever holds the link. It signs nobody in and touches no factor: every session and attempt ends, and
 * the next sign-in asks for the phone as ever.
 *
 * @returns false when the link opens nothing.
 * @throws Invalid with what is wrong with the password; the link stays.
 */
export async function resetPassword(deps: Deps, token: string, password: string, origin: Origin): Promise<boolean> {
  const open = await findLink(deps, "reset", token);
  if (open === null) return false;
  const { link, subscriber } = open;
  const { id: subscriberId, epoch } = subscriber;
  const problem = passwordProblem(password, {
    username: subscriber.username,
    email: subscriber.email,
    appName: deps.settings.appName,
    minLength: deps.settings.passwordMinLength,
    isCommon: (text, amongFirst) => deps.passwords.isCommon(text, amongFirst),
  });
  if (problem !== null) throw new Invalid({ password: problem });
  const hash = await deps.passwords.inTurn(() => deps.passwords.hash(normalizePassword(password)));
  const isDone = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    // First, since it locks the account; of two tabs that come at once the second finds another epoch.
    if (!(await inside.subscribers.resetPassword(subscriberId, epoch, hash))) return null;
    if (!(await inside.links.use(link.mailId, at))) return null;
    await endAttemptsOfSubscriber(inside, subscriberId, at);
    // Who sat there under the former password may have been somebody else.
    await inside.browsers.forgetOthers(subscriberId, "");
    await inside.failures.clear(passwordBucket(subscriber.usernameKey, null));
    await inside.audit.record({
      ...{ subscriberId, kind: "password-changed", at, origin, detail: "reset" },
      mails: [{ kind: "password-reset" }],
    });
    return true;
  });
  if (isDone === null) return false;
  await cancelPushesOf(deps, subscriberId);
  return true;
}

/** A link for whoever stands at the operator's desk: its token is shown once. Null for an account that is disabled. */
export async function makeResetLink(deps: Deps, subscriber: Subscriber): Promise<string | null> {
  const { id: subscriberId, email: address, epoch } = subscriber;
  if (subscriber.disabledAt !== null) return null;
  const [token, at] = [newSecret(), deps.now()];
  await deps.transaction(async ({ links, audit }) => {
    await links.insert({
      ...{ tokenHash: hashSecret(token), mailId: randomUUID(), purpose: "reset", subscriberId, address, epoch },
      ...{ createdAt: at, expiresAt: new Date(at.getTime() + deps.settings.resetTtlSeconds * 1000) },
    });
    await audit.record({ subscriberId, kind: "reset-asked", at, origin: ELSEWHERE, detail: OPERATOR });
  });
  return token;
}
