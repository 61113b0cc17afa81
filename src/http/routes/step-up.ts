import Router from "@koa/router";

import { type Attempt, isStepUpAction, type StepUpAction } from "../../domain/attempt.js";
import { typeNamed } from "../../domain/factor.js";
import { finishStepUp } from "../../domain/finish-attempt.js";
import { startStepUp } from "../../domain/step-up.js";
import { giveAttempt, heldAttempt, mayRepeatFinish } from "../attempt-cookie.js";
import type { Middleware, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { isKnownHere } from "../known-browser.js";
import { flash } from "../middleware/carry-messages.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { visitHash } from "../middleware/visit.js";
import { originOf } from "../origin.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seeOther } from "../views.js";
import { code } from "./code.js";
import { notMe } from "./not-me.js";
import { waiting, type WaitingPlace } from "./waiting.js";

/** Where an approved act is done. */
const PAGES: Readonly<Record<Exclude<StepUpAction, "add-factor" | "remove-factor">, string>> = {
  "disable-two-factor": "/account/two-factor/disable",
  "replace-phone": "/account/two-factor",
  "move-from-authy": "/account/two-factor/move",
  "change-password": "/account/password",
  "new-recovery-codes": "/account/recovery-codes",
  "change-email": "/account/email",
  "authorize-device": "/device",
  "close-account": "/account/close",
};

/** A fresh approval for one sensitive act; a sign-in does not count as one, nor one act's for another. */
export function stepUp(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  const signInFirst = requireSignIn({ beforeNewPassword: true, beforeMove: true });

  router.post("/account/approval", signInFirst, async function startApproval(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const { action, factor } = fields(ctx, ["action"], ["factor"]);
    // The page of a device starts its own: nothing else names a code.
    if (!isStepUpAction(action) || action === "authorize-device") throw new MalformedForm({ action: "unknown-value" });
    const isNamed = action === "remove-factor" || action === "add-factor";
    const isKnownType = action !== "add-factor" || typeNamed(factor) !== null;
    if (isNamed === (factor === "") || !isKnownType) throw new MalformedForm({ factor: "unknown-value" });
    const browser = {
      ...originOf(ctx),
      visitHash: visitHash(ctx),
      arrivedAt: ctx.state.arrivedAt,
      isKnown: await isKnownHere(ctx, deps, subscriber.id),
    };
    const key = await startStepUp(deps, action, session, subscriber, browser, factor);
    if (key === null) {
      flash(ctx, "note", ctx.state.text("flash.nothing-to-approve"));
      seeOther(ctx, "/account/two-factor");
      return;
    }
    giveAttempt(ctx, "step-up", key);
    seeOther(ctx, "/account/approval");
  });

  router.get("/account/approval", async function leadStaleFormBack(ctx, next) {
    // The form that starts a step-up stands on the page of its act.
    const action = typedBefore(ctx, "action");
    if (isStepUpAction(action)) seeOther(ctx, pageOfAct(action, typedBefore(ctx, "factor")));
    else await next();
  });

  router.use(["/account/approval", "/account/approval/{*rest}"], signInOrRepeat(deps));

  const place = stepUpPlace(deps);
  return router.use(waiting(deps, place).routes(), code(deps, place).routes(), notMe(deps, place).routes());
}

/** Sends whoever is not signed in to the sign-in, but for a browser that may ask once more for a lost reply. */
export function signInOrRepeat(deps: HttpDeps): Middleware {
  const signInFirst = requireSignIn({ beforeNewPassword: true, beforeMove: true });
  return async function letRepeat(ctx, next) {
    // After a finish whose reply was lost the browser has nothing but the attempt's key.
    const mayRepeat = ctx.state.session === null && (await mayRepeatFinish(deps, ctx, "step-up"));
    await (mayRepeat ? next() : signInFirst(ctx, next));
  };
}

/** Where a step-up waits for its second factor. */
export function stepUpPlace(deps: HttpDeps): WaitingPlace {
  return {
    base: "/account/approval",
    codePath: "/account/approval/code",
    page: "approval",
    cookie: "step-up",
    elsewhere: "/account",
    next: pageOf,
    async find(ctx) {
      const attempt = await heldAttempt(deps, ctx, "step-up");
      const { session } = ctx.state;
      if (attempt?.purpose === "authorize-device") return null;
      return session === null || attempt?.sessionId === session.id ? attempt : null;
    },
    finish: (ctx, attempt, proof, browser) => finishStepUp(deps, attempt, ctx.state.session, proof, browser),
  };
}

/** The page of the act; one that was used already leads back to the account. */
function pageOf({ purpose, state, next }: Attempt): string {
  return purpose === "sign-in" || state === "finished" ? "/account" : pageOfAct(purpose, next);
}

function pageOfAct(action: StepUpAction, factor: string): string {
  const name = factor.replace(/[^\w-]/g, "");
  if (action === "add-factor") return `/account/two-factor?add=${name}`;
  return action === "remove-factor" ? `/account/two-factor/factors/${name}/remove` : PAGES[action];
}
