import Router from "@koa/router";

import { askForPasskey, judgePasskey } from "../../domain/prove-passkey.js";
import { askForNewPasskey, registerPasskey } from "../../domain/register-passkey.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { originOf } from "../origin.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
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

/** Nothing about why: the log says it to the operator. */
function refuse(ctx: Context): void {
  ctx.status = 422;
  ctx.body = { error: ctx.state.text("passkey.refused") };
}
