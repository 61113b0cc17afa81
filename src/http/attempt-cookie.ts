import { type Attempt } from "../domain/attempt.js";
import { type Deps } from "../domain/deps.js";
import { hashSecret } from "../domain/secrets.js";
import { type Context } from "./context.js";
import { cookieName, cookieOptions } from "./middleware/visit.js";

type AttemptCookie = "attempt" | "step-up";

/**
 * The cookie of an attempt: fresh after each right password and for each step-up, so that no id that a stranger planted
 * before is worth anything. Nobody is signed in by it.
 */
export function giveAttempt(ctx: Context, name: AttemptCookie, key: string, isHttps: boolean): void {
  ctx.cookies.set(cookieName(name, isHttps), key, cookieOptions(isHttps));
}

/** Forgets the attempt of this browser. */
export function forgetAttempt(ctx: Context, name: AttemptCookie, isHttps: boolean): void {
  ctx.cookies.set(cookieName(name, isHttps), null, cookieOptions(isHttps));
}

/** The secret with which this browser proves that it started the attempt; null when it holds none. */
export function attemptKey(ctx: Context, name: AttemptCookie, isHttps: boolean): string | null {
  return ctx.cookies.get(cookieName(name, isHttps), { signed: true }) || null;
}

/** The sign-in attempt that this browser holds, in whatever state; null when it holds none. */
export async function attemptOf(
  { attempts, http }: Pick<Deps, "attempts"> & { readonly http: { readonly isHttps: boolean } },
  ctx: Context,
): Promise<Attempt | null> {
  const key = attemptKey(ctx, "attempt", http.isHttps);
  return key === null ? null : attempts.findByKey(hashSecret(key));
}
