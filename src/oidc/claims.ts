import type { Account } from "oidc-provider";

import type { AssuranceLevel } from "../domain/session.js";
import type { Subscriber } from "../domain/subscriber.js";

/** How a sign-in is called in an ID token, by its level. */
export const ACR_OF_LEVEL: Readonly<Record<AssuranceLevel, string>> = {
  1: "urn:countersign:acr:password",
  2: "urn:countersign:acr:phone",
  3: "phr",
};

/** The level that a name stands for; null for a name that is not ours. */
export function levelOfAcr(acr: string): AssuranceLevel | null {
  const [level] = Object.entries(ACR_OF_LEVEL).find(([, name]) => name === acr) ?? [];
  return level === undefined ? null : (Number(level) as AssuranceLevel);
}

/** What applications may be told of an account. What each is told, its scopes say. */
export function accountOf(subscriber: Subscriber, groups: readonly string[]): Account {
  const { id, username, email, emailVerifiedAt } = subscriber;
  return {
    accountId: id,
    claims: () => ({
      sub: id,
      preferred_username: username,
      name: username,
      email,
      email_verified: emailVerifiedAt !== null,
      groups: [...groups],
    }),
  };
}
