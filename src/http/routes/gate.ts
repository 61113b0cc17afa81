import Router from "@koa/router";

import type { Site } from "../../domain/application.js";
import { issueTicket, takeTicket } from "../../domain/gate.js";
import { safeNext } from "../../domain/next-path.js";
import { hashSecret, newSecret } from "../../domain/secrets.js";
import { leadToAdmission } from "../admission-page.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { checkRequest, isAdmitted, remoteHeaders } from "../gate-check.js";
import { showGatePage } from "../gate-page.js";
import { queryText } from "../query-text.js";
import { HttpRefusal } from "../refusal.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import {
  type AskedFor,
  forwardedRequest,
  isNavigation,
  isPage,
  originalRequest,
  OURS,
  pageOf,
  queryOf,
  readSiteCookie,
  setSiteCookie,
} from "../site-request.js";

type GateDeps = HttpDeps;

const SECRET = /^[\w-]{43}$/;

/** So long after the first of several tickets of a visit a browser that still brings no cookie is told so. */
const LOST_WITHIN_SECONDS = 30;
const MOST_LOST = 3;

/** A path longer than this is taken by no sign-in. */
const MOST_SIGNS = 2000;

/**
 * What reverse proxies ask, but for nginx, and what browsers ask on a site's own host. Before the check of `Host`: the name is the site's.
 * Bodies are never read, and every method is checked.
 */
export function gateForProxies(deps: GateDeps): Router<RequestState> {
  const router = new Router<RequestState>();

  router.all("/forward-auth", async function answerProxy(ctx) {
    const asked = forwardedRequest(ctx.req);
    if (asked === null) {
      refuse(ctx, 400, "malformed");
      return;
    }
    const [path = ""] = asked.uri.split("?", 1);
    if (path.startsWith(OURS)) {
      await onSite(deps, ctx, asked, path.slice(OURS.length));
      return;
    }
    const answer = await checkRequest(deps, ctx.req, asked);
    if (answer.kind === "unknown-site") refuse(ctx, 403, "unknown_site");
    else if (isAdmitted(answer)) {
      ctx.body = "";
      ctx.status = 200;
      ctx.set(remoteHeaders(answer));
    } else if (answer.kind === "refused") refuseAccount(deps, ctx, asked, answer.application.name);
    else start(deps, ctx, asked, answer.site, answer.application.name);
  });

  router.all(`${OURS}:step`, async function answerBrowser(ctx) {
    const asked = originalRequest(ctx.req);
    if (asked === null) refuse(ctx, 400, "malformed");
    else await onSite(deps, ctx, asked, ctx.path.slice(OURS.length));
  });
  return router;
}

function unauthorized(ctx: Context): void {
  ctx.status = 401;
  ctx.set("WWW-Authenticate", 'Bearer realm="countersign"');
}

function refuse(ctx: Context, status: number, error: string): void {
  ctx.status = status;
  ctx.body = { error };
}

function refuseAccount(deps: GateDeps, ctx: Context, asked: AskedFor, name: string): void {
  if (isNavigation(ctx)) showGatePage(ctx, "refused", 403, name, { to: gateAddress(deps, ctx, asked) });
  else refuse(ctx, 403, "refused");
}

/** Our own paths below a site. */
async function onSite(deps: GateDeps, ctx: Context, asked: AskedFor, step: string): Promise<void> {
  const found = await deps.gate.findSite(asked.origin);
  if (found === null) {
    refuse(ctx, 403, "unknown_site");
    return;
  }
  const { site, application } = found;
  switch (step) {
    case "start":
      start(deps, ctx, asked, site, application.name);
      return;
    case "callback":
      await takeBack(deps, ctx, asked, site, application.name);
      return;
    case "sign-out":
      ctx.redirect(`${deps.http.publicUrl}/sign-out?site=${encodeURIComponent(site.origin)}`);
      return;
    default:
      refuse(ctx, 404, "not_found");
  }
}

/** Sends a person to sign in; tells everything else, which could not follow, that somebody has to. */
function start(deps: GateDeps, ctx: Context, asked: AskedFor, site: Site, name: string): void {
  const to = pageOf(asked);
  const signIn = `${OURS}start?to=${encodeURIComponent(to)}`;
  if (!isPage(ctx, asked.method)) {
    unauthorized(ctx);
    // The form was not sent on: it is sent again from this very page, once another tab has signed in.
    if (isNavigation(ctx)) showGatePage(ctx, "sign-in-first", 401, name, { to: `${OURS}start`, isNewTab: true });
    else ctx.body = { error: "sign_in", url: `${site.origin}${OURS}start` };
    return;
  }
  const { lost, since } = readVisit(ctx, site.origin);
  const isRecent = deps.now().getTime() - since < LOST_WITHIN_SECONDS * 1000;
  if (readSiteCookie(ctx.req, site.origin, "gate") === "" && lost >= MOST_LOST && isRecent) {
    setSiteCookie(ctx, site.origin, "gate-visit", newSecret());
    showGatePage(ctx, "no-cookie", 403, name, { to: signIn });
    return;
  }
  ctx.redirect(gateAddress(deps, ctx, asked));
}

/** The way to our own origin, for a visit of this browser at the site: begun once, so that all of its tabs share it. */
function gateAddress({ http }: GateDeps, ctx: Context, asked: AskedFor): string {
  const { origin, uri } = asked;
  let { secret } = readVisit(ctx, origin);
  if (secret === "") {
    secret = newSecret();
    setSiteCookie(ctx, origin, "gate-visit", secret);
  }
  const again = uri.startsWith(OURS) && queryOf(uri).has("again") ? "&again=1" : "";
  const path = `/gate?site=${encodeURIComponent(origin)}&visit=${hashSecret(secret)}${again}`;
  const withPage = `${path}&to=${inQuery(pageOf(asked))}`;
  return http.publicUrl + (withPage.length > MOST_SIGNS ? `${path}&to=/` : withPage);
}

/** As it is but for what ends a parameter, or stands for something else in one. */
function inQuery(path: string): string {
  return path.replace(/[%&#+]/g, encodeURIComponent);
}

/** A visit: its secret, and how many of its tickets led to no cookie, since when. */
function readVisit(ctx: Context, origin: string): { secret: string; lost: number; since: number } {
  const [secret = "", lost = "", since = ""] = readSiteCookie(ctx.req, origin, "gate-visit").split(".");
  return SECRET.test(secret) ? { secret, lost: Number(lost) || 0, since: Number(since) || 0 } : NO_VISIT;
}

const NO_VISIT = { secret: "", lost: 0, since: 0 };

/** A browser comes back with its ticket, which is spent for the site's cookie. */
async function takeBack(deps: GateDeps, ctx: Context, asked: AskedFor, site: Site, name: string): Promise<void> {
  const query = queryOf(asked.uri);
  const page = safeNext(query.get("to") ?? "/", "/");
  const to = page.startsWith(OURS) ? "/" : page;
  // Another tab came first, or this address was opened again.
  const before = await checkRequest(deps, ctx.req, { ...asked, uri: to });
  if (before.kind === "yes") {
    ctx.redirect(site.origin + to);
    return;
  }
  const { secret, lost, since } = readVisit(ctx, site.origin);
  const taken = await takeTicket(deps, site, query.get("ticket") ?? "", secret);
  if (taken.kind === "taken") {
    const now = deps.now().getTime();
    const isOneOfSeveral = now - since < LOST_WITHIN_SECONDS * 1000;
    const count = isOneOfSeveral ? `${lost + 1}.${since}` : `1.${now}`;
    setSiteCookie(ctx, site.origin, "gate", taken.key);
    setSiteCookie(ctx, site.origin, "gate-visit", `${secret}.${count}`);
    ctx.redirect(site.origin + to);
    return;
  }
  const again = `${OURS}start?to=${encodeURIComponent(to)}`;
  if (taken.kind === "other-visit" && !query.has("again")) ctx.redirect(`${site.origin}${again}&again=1`);
  else showGatePage(ctx, "try-again", 403, name, { to: again });
}

/** The browser's part on our own origin: admission, then on to the site with a ticket. */
export function gateForBrowsers(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  const findSite = (ctx: Context) => deps.gate.findSite(queryText(ctx, "site"));

  router.get(
    "/gate",
    async function refuseStrangeSite(ctx, next) {
      // Nobody signs in for a site that nobody added, and nothing ever redirects there.
      if (!SECRET.test(queryText(ctx, "visit")) || (await findSite(ctx)) === null)
        throw new HttpRefusal(404, "not-found");
      await next();
    },
    requireSignIn(),
    async function leadToSite(ctx) {
      const { session, subscriber } = signedInOf(ctx);
      const found = await findSite(ctx);
      if (found === null) throw new HttpRefusal(404, "not-found");
      const issued = await issueTicket(deps, found, session, subscriber, queryText(ctx, "visit"));
      if ("refusal" in issued) {
        leadToAdmission(ctx, issued.refusal, found.application, ctx.path + ctx.search);
        return;
      }
      const to = inQuery(safeNext(queryText(ctx, "to"), "/"));
      const again = queryText(ctx, "again") === "" ? "" : "&again=1";
      ctx.redirect(`${found.site.origin}${OURS}callback?ticket=${issued.ticket}${again}&to=${to}`);
    },
  );
  return router;
}
