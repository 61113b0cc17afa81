import type { Middleware } from "../context.js";

/**
 * Adds Max-Age to each cookie that has an end: `Expires` alone is a time of ours, and a browser whose clock is ahead of it
 * would drop the cookie at once.
 */
export function cookieAge(): Middleware {
  return async function addMaxAge(ctx, next) {
    await next();
    const lines = [ctx.res.getHeader("Set-Cookie") ?? []].flat().map(String);
    if (lines.length > 0 && !ctx.res.headersSent) ctx.set("Set-Cookie", lines.map(withMaxAge));
  };
}

function withMaxAge(line: string): string {
  const end = /; expires=([^;]+)/i.exec(line)?.[1];
  if (end === undefined || /; max-age=/i.test(line)) return line;
  const seconds = Math.max(0, Math.ceil((Date.parse(end) - Date.now()) / 1000));
  return `${line}; max-age=${seconds}`;
}
