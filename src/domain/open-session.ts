import { randomUUID } from "node:crypto";

import type { Inside } from "./all-or-nothing.js";
import { takeBack } from "./close-account.js";
import type { Origin, Rows } from "./deps.js";
import { hashSecret, newSecret } from "./secrets.js";
import { newSession, type Renewal, type Session, type StoredSession } from "./session.js";

/** A browser, and the key by which the account may know it. */
export interface KnowableBrowser extends Origin {
  /** The key that it brought; null when it brought none. */
  readonly knownKey: string | null;
  /** The key that it gets where the account does not know it; without one, a random key. */
  readonly firstKey?: string;
}

/** A browser that is about to get a session: where it is, and what its cookies say. */
export interface SessionBrowser extends KnowableBrowser {
  /** Of the key of the living session that it brought; null when it brought none. */
  readonly sessionKeyHash: string | null;
}

/** A session, and the keys that its browser gets for it: of both the database has the hash alone. */
export interface SignedIn {
  readonly session: Session;
  readonly key: string;
  readonly knownKey: string;
}

/** What a new session is for. */
export type Opening = Pick<
  Session,
  "subscriberId" | "level" | "epoch" | "challengeId" | "isRemembered" | "passwordAt" | "methods"
> & {
  readonly id?: string;
  /** When the person showed who they are; the time of the password unless said otherwise. */
  readonly authenticatedAt?: Date;
};

/** What the next page says, by the name of its sentence. */
const TAKEN_BACK = JSON.stringify({ notes: ["flash.taken-back"] });

/**
 * Signs a browser in under a new key: the session that it brought ends, and the account knows it from now on. The sign-in goes
 * on where the same person was signed in with a session that this one ends; it begins anew for anybody else.
 * A closed account is open again.
 */
export async function openSession(inside: Inside, opening: Opening, browser: SessionBrowser): Promise<SignedIn> {
  const [key, at] = [newSecret(), inside.now()];
  const { address, browserLabel, sessionKeyHash } = browser;
  const former = sessionKeyHash === null ? null : await inside.sessions.load(sessionKeyHash, at);
  const hasEnded = sessionKeyHash !== null && (await inside.sessions.endByKey(sessionKeyHash, at));
  const goesOn = hasEnded && former?.subscriberId === opening.subscriberId;
  const signInId = goesOn ? former.signInId : randomUUID();
  const opened = {
    ...{ id: randomUUID(), ...opening, keyHash: hashSecret(key), address, browserLabel },
    ...{ signInId, authenticatedAt: opening.authenticatedAt ?? opening.passwordAt },
  };
  const session = newSession(opened, inside.settings, at);
  const isTakenBack = await takeBack(inside, opening.subscriberId, browser);
  await inside.sessions.insert(isTakenBack ? { ...session, data: TAKEN_BACK } : session);
  return { session, key, knownKey: await rememberBrowser(inside, session.subscriberId, browser, at) };
}

/**
 * A session goes on under a new key; with the former one nobody is signed in any more.
 *
 * @param still - What must hold yet: the key that the browser brought, or the epoch of the account.
 * @returns null when the session was ended, or something else changed it first.
 */
export async function renewSession(
  inside: Inside,
  session: Session,
  still: Partial<Pick<StoredSession, "keyHash" | "epoch">>,
  changes: Omit<Renewal, "keyHash">,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const [key, at] = [newSecret(), inside.now()];
  if (!(await inside.sessions.renew(session.id, still, { ...changes, keyHash: hashSecret(key) }))) return null;
  // Another session that the browser brought; the key of the renewed one fits none any more.
  if (browser.sessionKeyHash !== null) await inside.sessions.endByKey(browser.sessionKeyHash, at);
  const knownKey = await rememberBrowser(inside, session.subscriberId, browser, at);
  return { session: { ...session, ...changes }, key, knownKey };
}

/** The same after what ends all other sessions; of the browsers that the account knows, this one alone stays known. */
export async function renewSessionAlone(
  inside: Inside,
  session: Session,
  changes: Omit<Renewal, "keyHash">,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const renewed = await renewSession(inside, session, { keyHash: browser.sessionKeyHash ?? "" }, changes, browser);
  if (renewed !== null) await inside.browsers.forgetOthers(session.subscriberId, hashSecret(renewed.knownKey));
  return renewed;
}

/** From now on this browser is known for the account: somebody registered, enrolled or signed in here. @returns its key. */
async function rememberBrowser(
  { browsers }: Pick<Rows, "browsers">,
  subscriberId: string,
  { knownKey, firstKey = newSecret(), browserLabel, address }: KnowableBrowser,
  now: Date,
): Promise<string> {
  if (knownKey !== null && (await browsers.touch(subscriberId, hashSecret(knownKey), browserLabel, address, now)))
    return knownKey;
  await browsers.insert({
    ...{ id: randomUUID(), subscriberId, keyHash: hashSecret(firstKey), label: browserLabel, address },
    ...{ firstSeenAt: now, lastSeenAt: now },
  });
  return firstKey;
}

/**
 * Only this browser stays known: what was trusted under the former password, or before the phone, proves nothing about
 * who sat there. @returns its key.
 */
export async function knowOnlyThisBrowser(
  { browsers }: Pick<Rows, "browsers">,
  subscriberId: string,
  browser: KnowableBrowser,
  now: Date,
): Promise<string> {
  const key = await rememberBrowser({ browsers }, subscriberId, browser, now);
  await browsers.forgetOthers(subscriberId, hashSecret(key));
  return key;
}
