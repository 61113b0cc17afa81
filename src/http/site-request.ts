import type { IncomingMessage } from "node:http";

import type { SiteRequest } from "../domain/gate.js";
import { safeNext } from "../domain/next-path.js";
import { hashSecret } from "../domain/secrets.js";
import type { Context } from "./context.js";

/** As much as a browser may send, of printable ASCII: everything else it has to encode. */
const URI = /^\/[\x21-\x7e]{0,8191}$/;
const METHOD = /^[A-Z][A-Z-]{0,31}$/;

/** The paths of a site that are ours. */
export const OURS = "/.countersign/";

/** A request to a site, as the reverse proxy in front of it tells of it. */
export type AskedFor = Pick<SiteRequest, "origin" | "method" | "uri">;

/** What nginx tells: `X-Original-URL` and `X-Original-Method`. @returns null where one is missing, repeated or nonsense. */
export function originalRequest(req: IncomingMessage): AskedFor | null {
  const [, proto = "", host = "", uri = ""] = /^(https?):\/\/([^/]+)(\/.*)$/s.exec(once(req, "x-original-url")) ?? [];
  return askedFor(proto, host, uri, once(req, "x-original-method"));
}

/** What Caddy, Traefik and HAProxy tell: `X-Forwarded-Proto`, `-Host`, `-Uri` and `-Method`. */
export function forwardedRequest(req: IncomingMessage): AskedFor | null {
  const [proto, host, uri] = ["proto", "host", "uri"].map((name) => once(req, `x-forwarded-${name}`));
  return askedFor(proto ?? "", host ?? "", uri ?? "", once(req, "x-forwarded-method"));
}

function askedFor(proto: string, host: string, uri: string, method: string): AskedFor | null {
  const isWellFormed =
    /^https?$/.test(proto) && /^[\w.:[\]-]{1,255}$/.test(host) && URI.test(uri) && METHOD.test(method);
  const site = `${proto}://${host}`;
  return isWellFormed && URL.canParse(site) ? { origin: new URL(site).origin, method, uri } : null;
}

/** The value of a header that came once; empty otherwise. Node joins those that came twice, so their names are counted. */
function once({ headers, rawHeaders }: IncomingMessage, name: string): string {
  let times = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === name.length && rawHeaders[at]?.toLowerCase() === name) times += 1;
  return times === 1 ? String(headers[name]) : "";
}

/**
 * Whether somebody looks at a page: a browser that goes to an address, and no script, program or connection of another
 * protocol, which could do nothing with our sign-in.
 */
export function isPage(ctx: Context, method: string): boolean {
  return (method === "GET" || method === "HEAD") && isNavigation(ctx);
}

/** A page, or a form that was sent to one. */
export function isNavigation(ctx: Context): boolean {
  const mode = ctx.get("Sec-Fetch-Mode");
  const isByScript = (mode !== "" && mode !== "navigate") || ctx.get("X-Requested-With") !== "";
  return /\btext\/html\b/i.test(ctx.get("Accept")) && !isByScript && ctx.get("Upgrade") === "";
}

/** A browser's question before it sends a request of another origin. */
export function isPreflight({ headers }: IncomingMessage, method: string): boolean {
  const { origin = "", "access-control-request-method": asked = "" } = headers;
  return method === "OPTIONS" && origin !== "" && asked !== "";
}

/** The page to come back to: of the site, and none of our own paths there. */
export function pageOf({ uri }: AskedFor): string {
  const wanted = uri.startsWith(OURS) ? (queryOf(uri).get("to") ?? "/") : uri;
  const page = safeNext(wanted, "/");
  return page.startsWith(OURS) ? "/" : page;
}

/** The parameters of a request's address. */
export function queryOf(uri: string): URLSearchParams {
  return new URL(uri, "http://site.invalid").searchParams;
}

/**
 * The names of our two cookies on a site: what admits there, and the visit that waits for it. Ports of one host share their
 * cookies, so the names tell the sites apart.
 */
export type SiteCookie = "gate" | "gate-visit";

function cookieName(origin: string, cookie: SiteCookie): string {
  const name = `countersign-${cookie}-${hashSecret(origin).slice(0, 8)}`;
  return origin.startsWith("https:") ? `__Host-${name}` : name;
}

/** A site's cookie as the browser brought it; empty without one. */
export function readSiteCookie({ headers }: IncomingMessage, origin: string, cookie: SiteCookie): string {
  const name = `${cookieName(origin, cookie)}=`;
  const pair = headers.cookie?.split(";").find((each) => each.trimStart().startsWith(name));
  return pair?.trim().slice(name.length) ?? "";
}

/** Gives the browser a cookie of the site's own host; it ends with the browser. */
export function setSiteCookie(ctx: Context, origin: string, cookie: SiteCookie, value: string): void {
  const secure = origin.startsWith("https:") ? "; Secure" : "";
  ctx.append("Set-Cookie", `${cookieName(origin, cookie)}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}`);
}
