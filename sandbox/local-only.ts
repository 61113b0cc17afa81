import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Middleware } from "koa";
import { PhoneProblem } from "./phone.js";

/**
 * Keeps foreign web pages away from the phone. A page may be opened by address or by this machine's own names, so that a
 * foreign name that points here (DNS rebinding) gets nothing; and what changes something must come from the page itself
 * or from a program, which sends no Origin.
 *
 * @param host - SANDBOX_HOST, taken too when it is a name.
 */
export function localOnly(host: string): Middleware {
  const machine = hostname().toLowerCase();
  const names = new Set(["localhost", host.toLowerCase(), machine, `${machine}.local`]);
  return async function localOnly(ctx, next) {
    const name = hostName(ctx.get("host"));
    if (!names.has(name) && !name.endsWith(".localhost") && isIP(name) === 0)
      throw new PhoneProblem(421, "foreign_host", "Open the phone by this machine's address or name.");
    if (!["GET", "HEAD"].includes(ctx.method)) {
      const origin = ctx.get("origin");
      const site = ctx.get("sec-fetch-site");
      if (
        (origin !== "" && origin.replace(/^https?:\/\//, "") !== ctx.get("host")) ||
        !["", "same-origin", "none"].includes(site)
      )
        throw new PhoneProblem(403, "foreign_origin", "Another web page may not use the phone.");
    }
    await next();
  };
}

const hostName = (host: string): string =>
  host
    .toLowerCase()
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1");
