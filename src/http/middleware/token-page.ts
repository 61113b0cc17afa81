import type { Context, Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";

/** Where a token stands in the path. */
const TOKEN_PATHS = /^(\/+(?:password\/+reset|account\/+email\/+(?:verify|undo)|not-me)\/+)(?!asked\/?$)[^/].*$/i;
/** Whatever is as long as a token, wherever it stands: a path that was mistyped, for instance. */
const TOKEN = /[\w-]{40,}/g;

/** A path without the tokens in it, for the log. */
export function withoutTokens(path: string): string {
  return path.replace(TOKEN_PATHS, "$1:token").replace(TOKEN, ":token");
}

/**
 * For pages whose address has a token: it goes into no `Referer`, not even to this site's own files, while the `Origin` of
 * their forms stays.
 */
export function keepTokenToItself(): Middleware {
  return async function setReferrerPolicy(ctx, next) {
    ctx.set("Referrer-Policy", "strict-origin");
    await next();
  };
}

/** The token of the address; its alphabet alone reaches the rules. */
export function tokenOf(ctx: Context): string {
  return (
    (ctx as unknown as { params: Record<string, string> }).params["token"]?.replace(/[^\w-]/g, "").slice(0, 64) ?? ""
  );
}

/** One and the same page for a link that is used, late, somebody else's, or none at all. */
export function deadLink(): HttpRefusal {
  return new HttpRefusal(404, "dead-link");
}
