import { type Session } from "../domain/session.js";
import { type Subscriber } from "../domain/subscriber.js";
import { type Context, type Middleware } from "./context.js";
import { seeOther } from "./views.js";

/**
 * Sends whoever is not signed in to the sign-in, and the owner of an account that must have a new password to that first.
 *
 * @param options - `beforeNewPassword` marks the pages that lead to the new password.
 */
export function requireSignIn(options: { beforeNewPassword?: boolean } = {}): Middleware {
  return async function sendToSignIn(ctx, next) {
    const { session, subscriber } = ctx.state;
    if (session === null || subscriber === null) {
      const next = ctx.method === "GET" ? ctx.path + ctx.search : "/account";
      seeOther(ctx, `/login?next=${encodeURIComponent(next)}`);
      return;
    }
    if (subscriber.mustChangePassword && options.beforeNewPassword !== true) {
      seeOther(ctx, "/account/password");
      return;
    }
    await next();
  };
}

/** Who is signed in; only for routes behind `requireSignIn`. */
export function signedInOf(ctx: Context): { session: Session; subscriber: Subscriber } {
  const { session, subscriber } = ctx.state;
  if (session === null || subscriber === null) throw new Error("this route needs requireSignIn");
  return { session, subscriber };
}
