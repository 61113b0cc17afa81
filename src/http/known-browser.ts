import { randomUUID } from "node:crypto";

import { type Deps } from "../domain/deps.js";
import { hashSecret, newSecret } from "../domain/secrets.js";
import { type Context } from "./context.js";
import { cookieName, cookieOptions } from "./middleware/visit.js";
import { originOf } from "./origin.js";

const FOR_MS = 400 * 86_400_000; // the longest that browsers keep a cookie

/** One signed cookie for each account that this browser has served: never an address or a user agent. */
function nameFor(subscriberId: string, isHttps: boolean): string {
  return cookieName(`known-${hashSecret(subscriberId).slice(0, 10)}`, isHttps);
}

/** The cookie by which an account knows this browser; null when it brought none. */
export function knownKey(ctx: Context, subscriberId: string, isHttps: boolean): string | null {
  return ctx.cookies.get(nameFor(subscriberId, isHttps), { signed: true }) ?? null;
}

/** Whether this browser served the account before. */
export async function isKnownHere(
  ctx: Context,
  { browsers }: Pick<Deps, "browsers">,
  subscriberId: string,
  isHttps: boolean,
): Promise<boolean> {
  const key = knownKey(ctx, subscriberId, isHttps);
  return key !== null && (await browsers.find(subscriberId, hashSecret(key))) !== null;
}

/** From now on this browser is known for the account: it registered, enrolled or signed in here. @returns its key. */
export async function rememberBrowser(
  ctx: Context,
  { browsers, now }: Pick<Deps, "browsers" | "now">,
  subscriberId: string,
  isHttps: boolean,
): Promise<string> {
  const { address, browserLabel } = originOf(ctx);
  const brought = knownKey(ctx, subscriberId, isHttps);
  const known = brought === null ? null : await browsers.find(subscriberId, hashSecret(brought));
  const key = known === null || brought === null ? newSecret() : brought;
  if (known !== null) await browsers.touch(known.id, browserLabel, address, now());
  else
    await browsers.insert({
      id: randomUUID(),
      subscriberId,
      keyHash: hashSecret(key),
      label: browserLabel,
      address,
      firstSeenAt: now(),
      lastSeenAt: now(),
    });
  ctx.cookies.set(nameFor(subscriberId, isHttps), key, { ...cookieOptions(isHttps), maxAge: FOR_MS });
  return key;
}

/**
 * Only this browser stays known: what was trusted under the former password, or before the phone, proves nothing about
 * who sat there.
 */
export async function trustOnlyThisBrowser(
  ctx: Context,
  deps: Pick<Deps, "browsers" | "now">,
  subscriberId: string,
  isHttps: boolean,
): Promise<void> {
  const key = await rememberBrowser(ctx, deps, subscriberId, isHttps);
  await deps.browsers.forgetOthers(subscriberId, hashSecret(key));
}
