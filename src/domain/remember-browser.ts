import { randomUUID } from "node:crypto";

import { type Origin, type Rows } from "./deps.js";
import { hashSecret, newSecret } from "./secrets.js";

/** A browser, and the key by which the account may know it. */
export interface KnowableBrowser extends Origin {
  /** The key that it brought; null when it brought none. */
  readonly knownKey: string | null;
  /** The key that it gets where the account does not know it; without one, a random key. */
  readonly firstKey?: string;
}

/** From now on this browser is known for the account: somebody registered, enrolled or signed in here. @returns its key. */
export async function rememberBrowser(
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
