import Router from "@koa/router";

import { type Attempt, isStepUpAction, STEP_UPS } from "../../domain/attempt.js";
import { noteSuccess } from "../../domain/note-success.js";
import { startStepUp } from "../../domain/step-up.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { isKnownHere } from "../known-browser.js";
import { flash, openSession } from "../middleware/browser-session.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { visitHash } from "../middleware/visit.js";
import { originOf } from "../origin.js";
import { recordEvent } from "../record-event.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seeOther } from "../views.js";
import { type Success, waiting } from "./waiting.js";

/** A fresh approval for one sensitive act; a sign-in does not count as one, nor one act's for another. */
export function stepUp(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(["/account/approval", "/account/approval/{*rest}"], requireSignIn());

  router.post("/account/approval", async function startApproval(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const { action } = fields(ctx, ["action"]);
    if (!isStepUpAction(action)) throw new MalformedForm("there is no such action", { action: "Unknown action." });
    const started = await startStepUp(deps, action, session, subscriber, {
      ...originOf(ctx),
      visitHash: visitHash(ctx),
      arrivedAt: ctx.state.arrivedAt,
      isKnown: await isKnownHere(ctx, deps, subscriber.id, deps.http.isHttps),
    });
    if (started === null) {
      flash(ctx, "note", "No phone is enrolled, so there is nothing to approve.");
      seeOther(ctx, "/account/two-factor");
      return;
    }
    seeOther(ctx, "/account/approval");
  });

  const place = waiting(deps, {
    base: "/account/approval",
    codePath: "/account/approval/code",
    page: "approval",
    elsewhere: "/account",
    find: async (ctx) => {
      const attempt = await deps.attempts.findLatestOfSession(signedInOf(ctx).session.id);
      return attempt === null || attempt.state === "finished" ? null : attempt;
    },
    forget: () => undefined,
    succeed: (ctx, attempt, by) => grant(deps, ctx, attempt, by),
  });
  router.use(place.routes());
  return router;
}

/** Gives the session a new id and, with it, the one use of the act that was approved. */
async function grant(deps: HttpDeps, ctx: Context, attempt: Attempt, by: Success): Promise<string> {
  if (attempt.purpose === "sign-in") throw new Error("a sign-in is no step-up");
  const { page } = STEP_UPS[attempt.purpose];
  const { session, subscriber } = signedInOf(ctx);
  const challengeId = by.kind === "approval" ? by.challengeId : null;
  if (attempt.state === "granted") return page;
  const now = deps.now();
  const renewed = await openSession(ctx, now, deps.http.rules, {
    subscriberId: session.subscriberId,
    level: 2,
    epoch: session.epoch,
    challengeId,
    isRemembered: session.isRemembered,
    passwordAt: session.passwordAt,
    expiresAt: session.expiresAt,
  });
  await deps.attempts.moveToSession(session.id, renewed.id);
  await deps.attempts.grant(attempt.id, renewed.id, now);
  await noteSuccess(deps, attempt, subscriber);
  await recordEvent(ctx, deps, session.subscriberId, "step-up", attempt.purpose);
  return page;
}
