import type { Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;
/** Scanners send foreign names all day; whoever set up the proxy needs to read it once. */
const WARN_EVERY_MS = 600_000;

/** The addresses under which browsers may reach us: the public one, and in development the loopback names. */
export interface KnownHosts {
  /** The host of PUBLIC_URL, as a browser would send it. */
  readonly expected: string;
  isOurHost(host: string): boolean;
  isOurOrigin(origin: string, host: string): boolean;
}

/**
 * Host names are compared as URLs are: case, the scheme's own port and a dot at the end make no difference.
 *
 * @param takesLoopback - Development only.
 */
export function knownHosts(publicUrl: string, takesLoopback: boolean): KnownHosts {
  const { protocol, host: expected } = new URL(publicUrl);
  const ours = plainHost(expected, protocol);
  const isLoopback = (host: string | null): host is string => takesLoopback && host !== null && LOOPBACK.test(host);
  return {
    expected,
    isOurHost: (host) => plainHost(host, protocol) === ours || isLoopback(plainHost(host, "http:")),
    isOurOrigin(origin, host) {
      const [, scheme = "", originHost = ""] = /^(https?:)\/\/(.+)$/.exec(origin.toLowerCase()) ?? [];
      const from = plainHost(originHost, scheme);
      if (from === null) return false;
      if (scheme === protocol && from === ours) return true;
      return scheme === "http:" && isLoopback(from) && from === plainHost(host, "http:");
    },
  };
}

/** @returns null for what is no host with an optional port: user names, paths and encoded signs have no place in it. */
function plainHost(host: string, protocol: string): string | null {
  const url = `${protocol}//${host}`;
  if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(url)) return null;
  const { hostname, port } = new URL(url);
  return hostname.replace(/\.$/, "") + (port === "" ? "" : `:${port}`);
}

/** Refuses what was sent to another name, as a rebinding page would, or a proxy that passes on a name of its own. */
export function checkHost(hosts: KnownHosts): Middleware {
  let warnedAt = -Infinity;
  return async function refuseForeignHost(ctx, next) {
    const host = ctx.req.headers.host ?? "";
    if (!hosts.isOurHost(host)) {
      const now = performance.now();
      if (now - warnedAt > WARN_EVERY_MS) {
        warnedAt = now;
        const got = host.slice(0, 200).replace(/[^\x21-\x7e]/g, "?");
        ctx.state.log.warn({ got, expected: hosts.expected }, "refused a request for a Host other than PUBLIC_URL's");
      }
      throw new HttpRefusal(421, "foreign-host");
    }
    await next();
  };
}
