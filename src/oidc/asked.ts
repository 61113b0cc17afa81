import { createHmac } from "node:crypto";

import { sameText } from "../domain/secrets.js";

/** The parameter in which a request says what became of it so far. Clients never see it. */
const NAME = "countersign";

/** What is known of a request that has been on its way to a sign-in or to a consent. */
export interface Asked {
  /** When it was first made, by the database's clock. */
  readonly at: Date;
  /** When its person agreed; null before that. */
  readonly consentedAt: Date | null;
}

/** Whose request it is: nobody else's browser, and no other sign-in, goes on with it. */
export interface Asker {
  readonly visit: string;
  /** null while nobody is signed in. */
  readonly signInId: string | null;
}

/** A request's query that carries what is known of it, signed: nothing is stored for whoever is not signed in (R34). */
export function withAsked(search: string, asked: Asked, asker: Asker, sessionKey: string): string {
  const query = plainQuery(search);
  const consent = asked.consentedAt === null ? "" : asked.consentedAt.getTime();
  const mark = `${asked.at.getTime()}.${consent}`;
  return `${query}&${NAME}=${mark}.${macOf(query, mark, asker, sessionKey)}`;
}

/** @returns what a query carries; null when it carries nothing, or what is not of this browser, request and sign-in. */
export function askedIn(search: string, asker: Asker, sessionKeys: readonly string[]): Asked | null {
  const [, at = "", consent = "", mac = ""] =
    new RegExp(`&${NAME}=(\\d{1,15})\\.(\\d{0,15})\\.([\\w-]+)$`).exec(search) ?? [];
  const [query, mark] = [plainQuery(search), `${at}.${consent}`];
  // Before a sign-in nobody is known who could have agreed.
  const known: Asker = consent === "" ? { ...asker, signInId: null } : asker;
  if (mac === "" || !sessionKeys.some((key) => sameText(mac, macOf(query, mark, known, key)))) return null;
  return { at: new Date(Number(at)), consentedAt: consent === "" ? null : new Date(Number(consent)) };
}

/** The query as the client made it, in the spelling that it has after it was a part of another address. */
export function plainQuery(search: string): string {
  return new URL(search, "http://here.invalid").search.replace(new RegExp(`&${NAME}=[^&]*`, "g"), "");
}

function macOf(query: string, mark: string, { visit, signInId }: Asker, sessionKey: string): string {
  const isConsent = !mark.endsWith(".");
  return createHmac("sha256", sessionKey)
    .update(["asked", visit, isConsent ? (signInId ?? "") : "", mark, query].join("\n"))
    .digest("base64url");
}
