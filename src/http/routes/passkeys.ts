import Router from "@koa/router";

import { askForPasskey, judgePasskey } from "../../domain/prove-passkey.js";
import { safeNext } from "../../domain/next-path.js";
import { askForAnyPasskey, signInByPasskey } from "../../domain/sign-in-by-passkey.js";
import { askForNewPasskey, registerPasskey } from "../../domain/register-passkey.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { isKnownHere, knownKey } from "../known-browser.js";
import { visitHash } from "../middleware/visit.js";
import { networkOf, originOf } from "../origin.js";
import { queryText } from "../query-text.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { giveSession, heldKeyHash } from "../signed-in.js";
import { attemptIn, finishAttempt, loadAttempt, type WaitingPlace } from "./waiting.js";

const REGISTRATION = "/account/two-factor/registration";

/** A passkey in place of the tap on the phone. Scripts ask, in JSON; the answer says where the browser goes on. */
export function passkeyProof(deps: HttpDeps, place: WaitingPlace): Router<RequestState> {
  const router = new Router<RequestState>();
  const load = loadAttempt(place);

  router.post(`${place.base}/passkey/options`, load, async function askPasskey(ctx) {
    ctx.body = (await askForPasskey(deps, attemptIn(ctx))) ?? { location: place.base };
  });

  router.post(`${place.base}/passkey`, load, async function takePasskey(ctx) {
    const judged = await judgePasskey(deps, attemptIn(ctx), ctx.request.body, originOf(ctx));
    if (judged.kind === "refused") refuse(ctx);
    else ctx.body = { location: judged.kind === "over" ? place.base : await finishAttempt(ctx, place, judged.proof) };
  });
  return router;
}

/** Adding a passkey: made by the browser, and active at once, since it is this very session's browser that made it. */
export function passkeyRegistration(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use([`${REGISTRATION}/passkey`, `${REGISTRATION}/passkey/{*rest}`], requireSignIn({ beforeMove: true }));

  router.post(`${REGISTRATION}/passkey/options`, async function askForNew(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    ctx.body = (await askForNewPasskey(deps, session, subscriber)) ?? { location: REGISTRATION };
  });

  router.post(`${REGISTRATION}/passkey`, async function takeNew(ctx) {
    const { session } = signedInOf(ctx);
    const { browserLabel } = originOf(ctx);
    const registered = await registerPasskey(deps, session, ctx.request.body, browserLabel);
    if (registered === "registered") await deps.sessionsEnded();
    if (registered === "refused") refuse(ctx);
    else ctx.body = { location: REGISTRATION };
  });
  return router;
}

/** Signing in by a passkey with nothing beside it, which browsers offer beside the field for the name. */
export function passkeyAlone(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();

  router.post("/login/passkey/options", async function askAny(ctx) {
    ctx.body = (await askForAnyPasskey(deps, visitHash(ctx))) ?? { location: "/login" };
  });

  router.post("/login/passkey", async function signInAlone(ctx) {
    const origin = originOf(ctx);
    await deps.rates.loginsOfAddress(networkOf(origin.address));
    const signedIn = await signInByPasskey(deps, ctx.request.body, queryText(ctx, "remember") !== "", {
      ...origin,
      sessionKeyHash: heldKeyHash(ctx),
      visitHash: visitHash(ctx),
      knownKeyFor: (subscriberId) => knownKey(ctx, subscriberId),
      isKnown: (subscriberId) => isKnownHere(ctx, deps, subscriberId),
    });
    if (signedIn === null) {
      refuse(ctx);
      return;
    }
    giveSession(ctx, signedIn);
    ctx.body = { location: safeNext(queryText(ctx, "next")) };
  });
  return router;
}

/** Nothing about why: the log says it to the operator. */
function refuse(ctx: Context): void {
  ctx.status = 422;
  ctx.body = { error: ctx.state.text("passkey.refused") };
}
