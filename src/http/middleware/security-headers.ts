import helmet from "koa-helmet";

import type { Context, Middleware } from "../context.js";

/**
 * Set before anything else runs, so that every status carries them. No CORS header is ever sent.
 *
 * @param hstsSubdomains - Whether browsers are told to use https for every name below ours, too. Other programs may live
 *   there, and browsers remember it for a year.
 */
export function securityHeaders({
  isHttps,
  hstsSubdomains,
}: {
  readonly isHttps: boolean;
  readonly hstsSubdomains: boolean;
}): Middleware {
  const headers = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", "data:"],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        objectSrc: ["'none'"],
        frameAncestors: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    referrerPolicy: { policy: "same-origin" },
    xFrameOptions: { action: "deny" },
    strictTransportSecurity: isHttps ? { maxAge: 31_536_000, includeSubDomains: hstsSubdomains } : false,
  }) as unknown as Middleware;
  // They are the same for every answer: made once, and not anew for each.
  let made: [name: string, value: string][] | undefined;
  return async function setSecurityHeaders(ctx, next) {
    if (made === undefined) {
      const before = new Set(ctx.res.getHeaderNames());
      ctx.set("Cache-Control", "no-store");
      await headers(ctx, () => Promise.resolve());
      const added = Object.entries(ctx.res.getHeaders()).filter(([name]) => !before.has(name));
      made = added.map(([name, value]) => [name, String(value)]);
    } else for (const [name, value] of made) ctx.res.setHeader(name, value);
    await next();
  };
}

/** On this answer alone, forms may go to the origin of that address, too. */
export function allowFormTo(ctx: Context, address: string): void {
  const policy = ctx.response.get("Content-Security-Policy");
  ctx.set(
    "Content-Security-Policy",
    policy.replace("form-action 'self'", `form-action 'self' ${new URL(address).origin}`),
  );
}
