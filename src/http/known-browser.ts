import type { Deps } from "../domain/deps.js";
import { hashSecret } from "../domain/secrets.js";
import type { Context } from "./context.js";
import { cookieName, forgetCookie, readCookie, setCookie } from "./cookies.js";

const FOR_MS = 400 * 86_400_000; // the longest that browsers keep a cookie
/** Of 55 bytes each: with the other cookies they stay under 4 KB, while many a proxy takes 8 KB of headers. */
const MOST_ACCOUNTS = 40;

/** The accounts that this browser has served, the newest first: for each a name that tells nothing, and a key of its own. */
type Served = readonly (readonly [account: string, key: string])[];

/** The key by which an account knows this browser; null when it brought none. */
export function knownKey(ctx: Context, subscriberId: string): string | null {
  return served(ctx).find(([account]) => account === accountName(subscriberId))?.[1] ?? null;
}

/** Whether this browser served the account before. */
export async function isKnownHere(
  ctx: Context,
  { browsers }: Pick<Deps, "browsers">,
  subscriberId: string,
): Promise<boolean> {
  const key = knownKey(ctx, subscriberId);
  return key !== null && (await browsers.find(subscriberId, hashSecret(key))) !== null;
}

/** From now on the account may know this browser by that key; of very many accounts the oldest is forgotten. */
export function giveKnownKey(ctx: Context, subscriberId: string, key: string): void {
  const account = accountName(subscriberId);
  const others = served(ctx).filter(([other]) => other !== account);
  const kept = [[account, key] as const, ...others].slice(0, MOST_ACCOUNTS);
  setCookie(ctx, "known", kept.map((each) => each.join(".")).join("~"), FOR_MS);
  for (const name of singleNames(ctx)) forgetCookie(ctx, name);
}

function accountName(subscriberId: string): string {
  return hashSecret(subscriberId).slice(0, 10);
}

function served(ctx: Context): Served {
  const entries = readCookie(ctx, "known")
    .split("~")
    .map((entry) => entry.split("."));
  const single = singleNames(ctx).map((name) => [name.slice("known-".length), readCookie(ctx, name)]);
  return [...single, ...entries].flatMap(([account = "", key = ""]) => (key === "" ? [] : [[account, key]]));
}

/** Earlier releases gave one cookie for each account. They go into the common one with the next key. */
function singleNames(ctx: Context): string[] {
  const pattern = new RegExp(`(?<=(?:^|; *)${cookieName("", ctx.state.isHttps)})known-[\\w-]{10}(?==)`, "g");
  return ctx.get("Cookie").match(pattern) ?? [];
}
