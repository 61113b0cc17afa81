import { type Attempt } from "../domain/attempt.js";
import { type Deps } from "../domain/deps.js";
import { hashSecret } from "../domain/secrets.js";
import { type Context } from "./context.js";
import { cookieName, cookieOptions } from "./middleware/visit.js";

/**
 * The cookie of a sign-in attempt: fresh after each right password, so that no id that a stranger planted before is
 * worth anything. Nobody is signed in by it.
 */
export function giveAttempt(ctx: Context, key: string, isHttps: boolean): void {
  ctx.cookies.set(cookieName("attempt", isHttps), key, cookieOptions(isHttps));
}

/** Forgets the attempt of this browser. */
export function forgetAttempt(ctx: Context, isHttps: boolean): void {
  ctx.cookies.set(cookieName("attempt", isHttps), null, cookieOptions(isHttps));
}

/** The sign-in attempt that this browser holds, in whatever state; null when it holds none. */
export async function attemptOf(
  { attempts, http }: Pick<Deps, "attempts"> & { readonly http: { readonly isHttps: boolean } },
  ctx: Context,
): Promise<Attempt | null> {
  const key = ctx.cookies.get(cookieName("attempt", http.isHttps), { signed: true });
  return key === undefined || key === "" ? null : attempts.findByKey(hashSecret(key));
}
