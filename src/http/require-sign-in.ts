import type { Session } from "../domain/session.js";
import type { Subscriber } from "../domain/subscriber.js";
import type { Context, Middleware } from "./context.js";
import { keepWanted } from "./leaving.js";
import { seeOther } from "./views.js";

/**
 * Sends whoever is not signed in to the sign-in, the owner of an account that must have a new password to that first, and who
 * has to move over from Authy to that.
 *
 * @param options - `beforeNewPassword` marks the pages that lead to the new password, `beforeMove` those on which a person
 *   moves, or manages what protects the account.
 */
export function requireSignIn(options: { beforeNewPassword?: boolean; beforeMove?: boolean } = {}): Middleware {
  return async function sendToSignIn(ctx, next) {
    const { session, subscriber } = ctx.state;
    if (session === null || subscriber === null) {
      const next = ctx.method === "GET" ? ctx.path + ctx.search : "/account";
      seeOther(ctx, `/login?next=${encodeURIComponent(next)}`);
      return;
    }
    if (subscriber.mustChangePassword && options.beforeNewPassword !== true) {
      if (ctx.method === "GET") keepWanted(ctx, ctx.path + ctx.search);
      seeOther(ctx, "/account/password");
      return;
    }
    // Forms go through: what somebody has begun is not lost.
    if (ctx.state.mustMove && options.beforeMove !== true && ctx.method === "GET") {
      keepWanted(ctx, ctx.path + ctx.search);
      seeOther(ctx, "/account/two-factor/move");
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
