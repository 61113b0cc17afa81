import type { Middleware } from "../context.js";
import { isPrivateAddress } from "../client-address.js";
import { addressOf } from "../origin.js";

const FORWARDING = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "forwarded"];

/**
 * Says once that a reverse proxy seems to stand in front although TRUST_PROXY is 0: then everybody has the proxy's
 * address, on phones and for the limits by address.
 */
export function warnOfProxy(trustedProxies: number): Middleware {
  let hasWarned = trustedProxies > 0;
  return async function lookForProxy(ctx, next) {
    const header = hasWarned ? undefined : FORWARDING.find((name) => ctx.req.headers[name] !== undefined);
    const address = addressOf(ctx);
    if (header !== undefined && isPrivateAddress(address)) {
      hasWarned = true;
      ctx.state.log.warn({ header, from: address }, "a proxy seems to stand in front, but TRUST_PROXY is 0");
    }
    await next();
  };
}
