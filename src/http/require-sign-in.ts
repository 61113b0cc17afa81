import { type Session } from "../domain/session.js";
import { type Subscriber } from "../domain/subscriber.js";
import { type Context, type Middleware } from "./context.js";
import { seeOther } from "./views.js";

/** Pages that an account with an alarm may still use before it has a new password. */
const WHILE_ALARMED = /^\/account\/(password|approval)(\/|$)/;

/** Sends strangers to the sign-in, and the owner of an alarmed account to a new password first. */
export function requireSignIn(): Middleware {
  return async function sendStrangersToSignIn(ctx, next) {
    const { session, subscriber } = ctx.state;
    if (session === null || subscriber === null) {
      const next = ctx.method === "GET" ? ctx.path + ctx.search : "/account";
      seeOther(ctx, `/login?next=${encodeURIComponent(next)}`);
      return;
    }
    if (subscriber.mustChangePassword && !WHILE_ALARMED.test(ctx.path)) {
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
