import { type Deps } from "../domain/deps.js";
import { hashSecret } from "../domain/secrets.js";
import { type Context } from "./context.js";
import { cookieName, cookieOptions } from "./middleware/visit.js";

const FOR_MS = 400 * 86_400_000; // the longest that browsers keep a cookie
/** Of 55 bytes each: with the other cookies they stay under 4 KB, while many a proxy takes 8 KB of headers. */
const MOST_ACCOUNTS = 40;

/** The accounts that this browser has served, the newest first: for each a name that tells nothing, and a key of its own. */
type Served = readonly (readonly [account: string, key: string])[];

/** The key by which an account knows this browser; null when it brought none. */
export function knownKey(ctx: Context, subscriberId: string, isHttps: boolean): string | null {
  return served(ctx, isHttps).find(([account]) => account === accountName(subscriberId))?.[1] ?? null;
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

/** From now on the account may know this browser by that key; of very many accounts the oldest is forgotten. */
export function giveKnownKey(ctx: Context, subscriberId: string, isHttps: boolean, key: string): void {
  const account = accountName(subscriberId);
  const others = served(ctx, isHttps).filter(([other]) => other !== account);
  const kept = [[account, key] as const, ...others].slice(0, MOST_ACCOUNTS);
  ctx.cookies.set(cookieName("known", isHttps), kept.map((each) => each.join(".")).join("~"), {
    ...cookieOptions(isHttps),
    maxAge: FOR_MS,
  });
  for (const name of singleNames(ctx, isHttps)) ctx.cookies.set(name, null, cookieOptions(isHttps));
}

function accountName(subscriberId: string): string {
  return hashSecret(subscriberId).slice(0, 10);
}

function served(ctx: Context, isHttps: boolean): Served {
  const list = ctx.cookies.get(cookieName("known", isHttps), { signed: true }) ?? "";
  const entries = list.split("~").map((entry) => entry.split("."));
  const single = singleNames(ctx, isHttps).map((name) => [
    name.slice(-10),
    ctx.cookies.get(name, { signed: true }) ?? "",
  ]);
  return [...single, ...entries].flatMap(([account = "", key = ""]) => (key === "" ? [] : [[account, key]]));
}

/** Earlier releases gave one cookie for each account. They go into the common one with the next key. */
function singleNames(ctx: Context, isHttps: boolean): string[] {
  const pattern = new RegExp(`(?<=^|; *)${cookieName("known-", isHttps)}[\\w-]{10}(?==)`, "g");
  return ctx.get("Cookie").match(pattern) ?? [];
}
