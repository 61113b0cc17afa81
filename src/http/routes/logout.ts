import Router from "@koa/router";

import { cancelAttempt } from "../../domain/waiting-attempt.js";
import { attemptOf, forgetAttempt } from "../attempt-cookie.js";
import { type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { closeSession, flash } from "../middleware/browser-session.js";
import { visitHash } from "../middleware/visit.js";
import { recordEvent } from "../record-event.js";
import { seeOther } from "../views.js";

/** Signing out: on the server, in all processes, with whatever still waits in this browser. */
export function logout(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.post("/logout", async function signOut(ctx) {
    const { session } = ctx.state;
    const attempt = await attemptOf(deps, ctx);
    if (attempt !== null) {
      await cancelAttempt(deps, attempt);
      await deps.attempts.revoke(attempt.id);
    }
    // Two tabs may have crossed: then what rings on the phone is not what the cookie names.
    const ringing = await deps.challenges.findLiveOfBrowser(visitHash(ctx));
    const other = ringing === null ? null : await deps.attempts.find(ringing.attemptId);
    if (other !== null) await cancelAttempt(deps, other);
    forgetAttempt(ctx, "attempt", deps.http.isHttps);
    forgetAttempt(ctx, "step-up", deps.http.isHttps);
    if (session !== null) {
      const stepUp = await deps.attempts.findLatestOfSession(session.id);
      if (stepUp !== null) {
        await cancelAttempt(deps, stepUp);
        await deps.attempts.revoke(stepUp.id);
      }
      await recordEvent(ctx, deps, session.subscriberId, "signed-out");
      await deps.sessions.end(session.subscriberId, session.id, deps.now());
      await closeSession(ctx);
    }
    await deps.sessionsEnded();
    // Nobody who was not signed in leaves a row behind.
    if (session !== null) flash(ctx, "done", ctx.state.text("flash.signed-out"));
    seeOther(ctx, "/");
  });
  return router;
}
