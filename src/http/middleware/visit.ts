import { createHmac } from "node:crypto";

import { hashSecret, newSecret, sameText } from "../../domain/secrets.js";
import type { Context, Middleware } from "../context.js";
import { readCookie, sentOurCookies, setCookie } from "../cookies.js";
import type { KnownHosts } from "./check-host.js";
import { HttpRefusal } from "../refusal.js";
import { StaleForm } from "./show-form-again.js";

/**
 * Gives each browser a visit: a random cookie, from which the form token is made and nothing is stored. It stays the
 * same through a sign-in, so that a second tab's forms still work, and is a secret of its own: nobody is signed in by it.
 */
export function browserVisit(): Middleware {
  return async function readVisit(ctx, next) {
    ctx.state.visit = readCookie(ctx, "visit");
    if (ctx.state.visit === "") {
      ctx.state.visit = newSecret();
      setCookie(ctx, "visit", ctx.state.visit);
    }
    await next();
  };
}

/** The database's name of this visit. */
export function visitHash(ctx: Context): string {
  return hashSecret(ctx.state.visit);
}

/** The token that every form of this visit carries. */
export function csrfToken(visit: string, keys: readonly string[]): string {
  return createHmac("sha256", keys[0] ?? "")
    .update(`csrf ${visit}`)
    .digest("base64url");
}

/**
 * Lets an unsafe request pass only when it comes from a page of ours: same origin by Fetch metadata or `Origin`, and the
 * visit's token in the form. Runs after the body was read.
 */
export function checkCsrf(hosts: KnownHosts, keys: readonly string[]): Middleware {
  return async function refuseForeignForm(ctx, next) {
    if (["GET", "HEAD", "OPTIONS"].includes(ctx.method)) {
      await next();
      return;
    }
    if (ctx.method !== "POST") {
      ctx.set("Allow", "GET, HEAD, POST");
      throw new HttpRefusal(405, "wrong-method");
    }
    if (!isSameOrigin(ctx, hosts)) throw new HttpRefusal(403, "foreign-form");
    const token = (ctx.request.body as Record<string, unknown> | undefined)?.["csrf"];
    const isOurs = typeof token === "string" && isTokenOf(ctx, token, keys);
    if (!isOurs) throw new StaleForm(!sentOurCookies(ctx));
    await next();
  };
}

/** The same for what scripts of our own pages send, with the token in a header. */
export function checkScriptsToken(hosts: KnownHosts, keys: readonly string[]): Middleware {
  return async function refuseForeignScript(ctx, next) {
    const isForeign = !isSameOrigin(ctx, hosts);
    if (isForeign) throw new HttpRefusal(403, "foreign-form");
    if (!isTokenOf(ctx, ctx.get("X-CSRF-Token"), keys)) throw new HttpRefusal(403, "stale-form");
    await next();
  };
}

function isTokenOf(ctx: Context, token: string, keys: readonly string[]): boolean {
  return keys.some((key) => sameText(token, csrfToken(ctx.state.visit, [key])));
}

/** Whether a request comes from a page of ours, by Fetch metadata or `Origin`. */
export function isSameOrigin(ctx: Context, hosts: KnownHosts): boolean {
  const { origin, host, "sec-fetch-site": site } = ctx.req.headers;
  // Where a proxy adds `Referrer-Policy: no-referrer`, browsers hide the origin of our own pages; the metadata still tell.
  const isHidden = origin === "null" && site === "same-origin";
  if (origin !== undefined && !isHidden && !hosts.isOurOrigin(origin, host ?? "")) return false;
  if (site !== undefined) return site === "same-origin";
  return origin !== undefined;
}
