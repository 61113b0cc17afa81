import Router from "@koa/router";

import { type Attempt, isStepUpAction, type StepUpAction } from "../../domain/attempt.js";
import { noteSuccess } from "../../domain/note-success.js";
import { type Session } from "../../domain/session.js";
import { startStepUp, unclaimedStepUp } from "../../domain/step-up.js";
import { type Subscriber } from "../../domain/subscriber.js";
import { attemptKey, giveAttempt } from "../attempt-cookie.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { isKnownHere } from "../known-browser.js";
import { flash } from "../middleware/browser-session.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { visitHash } from "../middleware/visit.js";
import { originOf } from "../origin.js";
import { recordEvent } from "../record-event.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seeOther } from "../views.js";
import { openSessionFor, waiting } from "./waiting.js";

/** Where an approved act is done. */
const PAGES: Readonly<Record<StepUpAction, string>> = {
  "disable-two-factor": "/account/two-factor/disable",
  "replace-phone": "/account/two-factor",
  "change-password": "/account/password",
  "new-recovery-codes": "/account/recovery-codes",
};

/** A fresh approval for one sensitive act; a sign-in does not count as one, nor one act's for another. */
export function stepUp(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();

  router.post("/account/approval/finish", async function handOverUnclaimed(ctx, next) {
    const key = ctx.state.session === null ? attemptKey(ctx, "step-up", deps.http.isHttps) : null;
    const unclaimed = key === null ? null : await unclaimedStepUp(deps, key);
    const subscriber = unclaimed === null ? null : await deps.subscribers.find(unclaimed.session.subscriberId);
    if (unclaimed === null || subscriber === null) {
      await next();
      return;
    }
    const { attempt, session, challengeId } = unclaimed;
    seeOther(ctx, await grant(deps, ctx, { attempt, session, subscriber, challengeId }));
  });

  router.use(["/account/approval", "/account/approval/{*rest}"], requireSignIn());

  router.post("/account/approval", async function startApproval(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const { action } = fields(ctx, ["action"]);
    if (!isStepUpAction(action)) throw new MalformedForm({ action: "unknown-value" });
    const key = await startStepUp(deps, action, session, subscriber, {
      ...originOf(ctx),
      visitHash: visitHash(ctx),
      arrivedAt: ctx.state.arrivedAt,
      isKnown: await isKnownHere(ctx, deps, subscriber.id, deps.http.isHttps),
    });
    if (key === null) {
      flash(ctx, "note", ctx.state.text("flash.nothing-to-approve"));
      seeOther(ctx, "/account/two-factor");
      return;
    }
    giveAttempt(ctx, "step-up", key, deps.http.isHttps);
    seeOther(ctx, "/account/approval");
  });

  const place = waiting(deps, {
    base: "/account/approval",
    codePath: "/account/approval/code",
    page: "approval",
    elsewhere: "/account",
    find: async (ctx) => {
      const { session } = signedInOf(ctx);
      const attempt = (await deps.attempts.findLatestOfSession(session.id)) ?? (await renewalOf(deps, session));
      return attempt === null || attempt.state === "finished" ? null : attempt;
    },
    forget: () => undefined,
    succeed: async (ctx, attempt, by) => {
      const challengeId = by.kind === "approval" ? by.challengeId : null;
      const { session, subscriber } = signedInOf(ctx);
      if (challengeId === null || session.challengeId !== challengeId)
        return grant(deps, ctx, { attempt, session, subscriber, challengeId });
      await deps.attempts.regrant(attempt.id, session.id);
      return pageOf(attempt);
    },
  });
  router.use(place.routes());
  return router;
}

/** The step-up that gave the session its id, where the database went away before it was bound to that. */
async function renewalOf(
  { challenges, attempts }: Pick<HttpDeps, "challenges" | "attempts">,
  { challengeId }: Session,
): Promise<Attempt | null> {
  const challenge = challengeId === null ? null : await challenges.find(challengeId);
  const attempt = challenge === null ? null : await attempts.find(challenge.attemptId);
  return attempt?.purpose === "sign-in" ? null : attempt;
}

/** Gives the session a new id and, with it, the one use of the act that was approved. @returns the act's page. */
async function grant(
  deps: HttpDeps,
  ctx: Context,
  {
    attempt,
    session,
    subscriber,
    challengeId,
  }: { attempt: Attempt; session: Session; subscriber: Subscriber; challengeId: string | null },
): Promise<string> {
  if (await deps.attempts.grant(attempt.id, session.id, deps.now())) {
    await noteSuccess(deps, attempt, subscriber);
    await recordEvent(ctx, deps, session.subscriberId, "step-up", attempt.purpose);
  }
  const renewed = await openSessionFor(deps, ctx, attempt, {
    subscriberId: session.subscriberId,
    level: 2,
    epoch: session.epoch,
    challengeId,
    isRemembered: session.isRemembered,
    passwordAt: session.passwordAt,
    expiresAt: session.expiresAt,
  });
  if (renewed === null) return "/account/approval";
  await deps.attempts.moveToSession(session.id, renewed.id);
  // Two tabs may have crossed: then it was granted to a session that this one has just replaced.
  await deps.attempts.regrant(attempt.id, renewed.id);
  return pageOf(attempt);
}

function pageOf({ purpose }: Attempt): string {
  if (purpose === "sign-in") throw new Error("expected a step-up attempt, got a sign-in");
  return PAGES[purpose];
}
