import type { Attempt } from "../domain/attempt.js";
import { sessionToRepeat } from "../domain/finish-attempt.js";
import { hashSecret } from "../domain/secrets.js";
import type { Context } from "./context.js";
import { forgetCookie, readCookie, setCookie } from "./cookies.js";
import type { HttpDeps } from "./deps.js";

export type AttemptCookie = "attempt" | "step-up";

/** Longer than any attempt: a phone may end the browser while the app that approves is in front. */
const FOR_MS = 86_400_000;

/**
 * The cookie of an attempt: fresh after each right password and for each step-up, so that no id that somebody else planted
 * before is worth anything. Nobody is signed in by it.
 */
export function giveAttempt(ctx: Context, name: AttemptCookie, key: string): void {
  setCookie(ctx, name, key, FOR_MS);
}

/** Forgets the attempt of this browser. */
export function forgetAttempt(ctx: Context, name: AttemptCookie): void {
  forgetCookie(ctx, name);
}

/** The attempt whose key this browser holds, in whatever state; null when it holds none. */
export async function heldAttempt(
  { attempts }: Pick<HttpDeps, "attempts">,
  ctx: Context,
  name: AttemptCookie,
): Promise<Attempt | null> {
  const key = readCookie(ctx, name);
  return key === "" ? null : attempts.findByKey(hashSecret(key));
}

/**
 * Whether a browser that is not signed in may ask once more for the session of a finish: its reply was lost, or two replies
 * came in the wrong order.
 */
export async function mayRepeatFinish(deps: HttpDeps, ctx: Context, name: AttemptCookie): Promise<boolean> {
  const attempt = await heldAttempt(deps, ctx, name);
  return attempt !== null && (await sessionToRepeat(deps, attempt.id)) !== null;
}
