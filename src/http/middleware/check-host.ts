import { type Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** The addresses under which browsers may reach us: the public one, and in development the loopback names. */
export interface KnownHosts {
  isOurHost(host: string): boolean;
  isOurOrigin(origin: string, host: string): boolean;
}

/** @param takesLoopback - Development only. */
export function knownHosts(publicUrl: string, takesLoopback: boolean): KnownHosts {
  const ours = new URL(publicUrl);
  return {
    isOurHost: (host) => host.toLowerCase() === ours.host || (takesLoopback && LOOPBACK.test(host)),
    isOurOrigin: (origin, host) =>
      origin === ours.origin || (takesLoopback && LOOPBACK.test(host) && origin === `http://${host.toLowerCase()}`),
  };
}

/** Refuses what was sent to another name, as a rebinding page would. */
export function checkHost(hosts: KnownHosts): Middleware {
  return async function refuseForeignHost(ctx, next) {
    if (!hosts.isOurHost(ctx.req.headers.host ?? ""))
      throw new HttpRefusal(421, "Another address", "This server does not answer under that name.");
    await next();
  };
}
