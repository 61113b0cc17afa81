import Router from "@koa/router";
import Keygrip from "keygrip";
import Koa from "koa";

import { assets } from "./assets.js";
import type { Middleware, RequestState } from "./context.js";
import type { HttpDeps } from "./deps.js";
import { beforeChecksOfNginx } from "./gate-check.js";
import { createMetrics } from "./metrics.js";
import { carryMessages } from "./middleware/carry-messages.js";
import { checkHost, knownHosts } from "./middleware/check-host.js";
import { cookieAge } from "./middleware/cookie-age.js";
import { readForms } from "./middleware/form.js";
import { readScriptsJson } from "./middleware/json.js";
import { leadsBackTo, mapErrors } from "./middleware/map-errors.js";
import { readAccountsLanguage, readLanguage } from "./middleware/language.js";
import { noteTimeZone } from "./middleware/time-zone.js";
import { needDatabase } from "./middleware/need-database.js";
import { requestLog } from "./middleware/request-log.js";
import { securityHeaders } from "./middleware/security-headers.js";
import { showFormAgain } from "./middleware/show-form-again.js";
import { tellDoctor } from "./middleware/tell-doctor.js";
import { shedLoad } from "./middleware/shed-load.js";
import { browserVisit, checkCsrf, checkScriptsToken } from "./middleware/visit.js";
import { warnOfProxy } from "./middleware/warn-of-proxy.js";
import type { OpenId } from "./openid.js";
import { account } from "./routes/account.js";
import { close } from "./routes/close.js";
import { applications } from "./routes/applications.js";
import { applicationLogout } from "./routes/application-logout.js";
import { leaving } from "./routes/continue.js";
import { address } from "./routes/address.js";
import { challenges } from "./routes/challenges.js";
import { device, devicePlace } from "./routes/device.js";
import { factors } from "./routes/factors.js";
import { gateForBrowsers, gateForProxies } from "./routes/gate.js";
import { health, type Health } from "./routes/health.js";
import { home } from "./routes/home.js";
import { interaction } from "./routes/interaction.js";
import { language } from "./routes/language.js";
import { login, loginApproval, loginPlace } from "./routes/login.js";
import { logout } from "./routes/logout.js";
import { move } from "./routes/move.js";
import { passkeyAlone, passkeyProof, passkeyRegistration } from "./routes/passkeys.js";
import { password } from "./routes/password.js";
import { recoveryCodes } from "./routes/recovery-codes.js";
import { register } from "./routes/register.js";
import { reset } from "./routes/reset.js";
import { signInOrRepeat, stepUp, stepUpPlace } from "./routes/step-up.js";
import { twoFactor } from "./routes/two-factor.js";
import { findWhoIsSignedIn, noteActivity, noteMustMove } from "./signed-in.js";

/** Browsers that leave are no errors; a load test without this wrote 65,796 lines. */
const LEFT = new Set(["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "HPE_INVALID_EOF_STATE"]);

const EVERYWHERE = [
  home,
  language,
  register,
  login,
  logout,
  leaving,
  gateForBrowsers,
  applications,
  account,
  close,
  move,
  twoFactor,
  factors,
  recoveryCodes,
  password,
];
const WITH_MAIL = [reset, address];

/**
 * The whole web application, outermost first.
 *
 * @param callbacks - What the providers call: machines, which bring a signature of their own and no cookie.
 * @param sites - Pages of the providers' own, for browsers that nobody is signed in with.
 * @param openId - What applications that speak OpenID Connect ask.
 */
export function createApp(
  deps: HttpDeps,
  state: Health,
  callbacks: readonly Router<RequestState>[],
  sites: readonly Router<RequestState>[] = [],
  openId: OpenId | null = null,
): Koa<RequestState> {
  const { http } = deps;
  const app = new Koa<RequestState>({
    // `proxy` without `maxIpsCount` would let a client write its own address.
    proxy: http.trustedProxies > 0,
    maxIpsCount: http.trustedProxies,
  });
  app.keys = new Keygrip([...http.sessionKeys], "sha256");
  app.on("error", (error: unknown) => {
    const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
    if (typeof code === "string" && LEFT.has(code)) return;
    deps.log.error({ name: String(name), code: typeof code === "string" ? code : "" }, "answer failed");
  });
  const { registry, seconds } = createMetrics(deps, state);

  app.use(requestLog(deps, seconds));
  app.use(securityHeaders(http));
  app.use(tellDoctor(deps, http));
  app.use(cookieAge());
  app.use(readLanguage(deps.texts));
  app.use(mapErrors());

  app.use(new Router().allowedMethods());

  // Before sessions: machines bring a signature or nothing at all, and must not depend on the session store.
  app.use(health(state, registry).routes());
  for (const calls of callbacks) app.use(behind([needDatabase(state)], calls));
  app.use(behind([needDatabase(state)], gateForProxies(deps)));

  const hosts = knownHosts(http.publicUrl, !http.isProduction);
  app.use(warnOfProxy(http.trustedProxies));
  app.use(checkHost(hosts));
  app.use(assets(http.isProduction));
  app.use(needDatabase(state));
  for (const pages of sites) app.use(pages.routes());
  if (openId !== null) app.use(openId.machines.routes());

  const known = [browserVisit(), findWhoIsSignedIn(deps), readAccountsLanguage(deps.texts)];
  const browser = [
    ...known,
    noteMustMove(deps),
    noteActivity(deps),
    noteTimeZone(deps),
    carryMessages(app, deps),
    readForms(),
    checkCsrf(hosts, http.sessionKeys),
  ];
  // Scripts of our pages send JSON, and their token in a header.
  const script = [...known, noteActivity(deps), readScriptsJson(), checkScriptsToken(hosts, http.sessionKeys)];
  const shed = shedLoad(http.limits.loopLagShedMs);
  const pages = [
    // What is under way goes on even when the process is behind with its work; new work is refused then.
    behind([leadsBackTo("/login/approval"), ...browser], loginApproval(deps)),
    behind([leadsBackTo("/account/approval"), ...browser], stepUp(deps)),
    behind(known, challenges(deps)), // which no person asks: they are no activity
    ...(deps.providers.passkey === undefined
      ? []
      : [
          behind(script, passkeyProof(deps, loginPlace(deps))),
          behind([...script, signInOrRepeat(deps)], passkeyProof(deps, stepUpPlace(deps))),
          behind([shed, ...script], passkeyRegistration(deps)),
          ...(http.passkeyAlone ? [behind([shed, ...script], passkeyAlone(deps))] : []),
        ]),
    ...[...EVERYWHERE, ...(deps.mail === null ? [] : WITH_MAIL)].map((routes) =>
      behind([shed, ...browser], routes(deps)),
    ),
    ...(openId === null
      ? []
      : [
          behind([shed, ...known], openId.browsers),
          behind([shed, ...browser], interaction(deps, openId)),
          behind(browser, applicationLogout(deps, openId)),
          behind([leadsBackTo("/device/approval"), ...browser], device(deps, openId)),
          ...(deps.providers.passkey === undefined
            ? []
            : [behind([...script, signInOrRepeat(deps)], passkeyProof(deps, devicePlace(deps, openId)))]),
        ]),
  ];
  app.use(showFormAgain(inTurn(pages)));
  // No page: what is said about it may still be to somebody who is signed in.
  for (const middleware of browser) app.use(middleware);
  const callback = app.callback.bind(app);
  app.callback = () => {
    const answer = callback();
    return beforeChecksOfNginx(deps, state, seconds, (req, res) => void answer(req, res)) as typeof answer;
  };
  return app;
}

/** Routes behind guards, which run before them and for nothing else. */
function behind(guards: readonly Middleware[], routes: Router<RequestState>): Middleware {
  return new Router<RequestState>().use(...guards, routes.routes()).routes() as unknown as Middleware;
}

/** Several middlewares as one, which may be run more than once. */
function inTurn(all: readonly Middleware[]): Middleware {
  return function runInTurn(ctx, next) {
    const run = async (at: number): Promise<void> => {
      const middleware = all[at];
      if (middleware === undefined) await next();
      else await middleware(ctx, () => run(at + 1));
    };
    return run(0);
  };
}
