import { type Deps } from "../domain/deps.js";
import { hashSecret } from "../domain/secrets.js";
import { type Context } from "./context.js";
import { cookieName, cookieOptions } from "./middleware/visit.js";

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

/** From now on the account may know this browser by that key. */
export function giveKnownKey(ctx: Context, subscriberId: string, isHttps: boolean, key: string): void {
  ctx.cookies.set(nameFor(subscriberId, isHttps), key, { ...cookieOptions(isHttps), maxAge: FOR_MS });
}
