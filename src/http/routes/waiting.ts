import Router from "@koa/router";

import { cancelAttempt } from "../../domain/cancel-attempts.js";
import type { Attempt } from "../../domain/attempt.js";
import type { Proof } from "../../domain/finish-attempt.js";
import { judgeApproval } from "../../domain/judge-approval.js";
import type { SessionBrowser, SignedIn } from "../../domain/open-session.js";
import { goesOnWithoutPush, readWaitingAttempt, resendPush } from "../../domain/waiting-attempt.js";
import { type AttemptCookie, forgetAttempt } from "../attempt-cookie.js";
import { showCodePage } from "../code-page.js";
import type { Context, Middleware, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { goOn } from "../leaving.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { queryText } from "../query-text.js";
import { giveSession, sessionBrowser } from "../signed-in.js";
import { seeOther, show } from "../views.js";
import { waitingView } from "../waiting-view.js";

/** Where an attempt waits for its second factor: a sign-in, or one sensitive act. */
export interface WaitingPlace {
  readonly base: "/login/approval" | "/account/approval" | "/device/approval";
  readonly codePath: "/login/code" | "/account/approval/code" | "/device/approval/code";
  readonly page: "login-approval" | "approval";
  readonly cookie: AttemptCookie;
  /** Where a browser goes that has nothing to wait for. */
  readonly elsewhere: string;
  /** Where it goes on after a success. */
  next(attempt: Attempt): string;
  find(ctx: Context): Promise<Attempt | null>;
  /** Spends the proof. @returns null when it is over; the waiting page says why. */
  finish(ctx: Context, attempt: Attempt, proof: Proof | null, browser: SessionBrowser): Promise<SignedIn | null>;
}

/** Sends a browser away that holds no attempt. */
export function loadAttempt(place: WaitingPlace): Middleware {
  return async function loadHeldAttempt(ctx, next) {
    ctx.state.attempt = await place.find(ctx);
    if (ctx.state.attempt === null) seeOther(ctx, place.elsewhere);
    else await next();
  };
}

/** The attempt that this browser holds; only for routes behind `loadAttempt`. */
export function attemptIn(ctx: Context): Attempt {
  if (ctx.state.attempt === null) throw new Error("this route needs loadAttempt");
  return ctx.state.attempt;
}

/** After the proof was judged right: spends it, gives the browser its session, and goes on. */
export async function finishAndGoOn(ctx: Context, place: WaitingPlace, proof: Proof | null): Promise<void> {
  goOn(ctx, await finishAttempt(ctx, place, proof));
}

/** The same without going on. @returns where to. */
export async function finishAttempt(ctx: Context, place: WaitingPlace, proof: Proof | null): Promise<string> {
  const attempt = attemptIn(ctx);
  const browser = sessionBrowser(ctx, attempt.subscriberId);
  const signedIn = await place.finish(ctx, attempt, proof, browser);
  if (signedIn !== null) giveSession(ctx, signedIn);
  return signedIn === null ? place.base : place.next(attempt);
}

/** The waiting page with all that can be done there, once for sign-ins and once for step-ups. */
export function waiting(deps: HttpDeps, place: WaitingPlace): Router<RequestState> {
  const router = new Router<RequestState>();
  const load = loadAttempt(place);

  async function showWaiting(
    ctx: Context,
    attempt: Attempt,
    shown: { errors?: Readonly<Record<string, string>>; stillPending?: boolean; matchCode?: string } = {},
    status = 200,
  ): Promise<void> {
    const read = await readWaitingAttempt(deps, attempt);
    if (read === null) {
      seeOther(ctx, place.elsewhere);
      return;
    }
    if (goesOnWithoutPush(read, deps.providers)) {
      await showCodePage(deps, ctx, place, attempt, {}, { isFirst: true, status });
      return;
    }
    const recoveryAllowed = (await deps.recoveryCodes.countLeft(attempt.subscriberId)) > 0;
    show(
      ctx,
      place.page,
      {
        waiting: waitingView(ctx.state.text, read, place, deps, { ...shown, recoveryAllowed }),
        errors: shown.errors ?? {},
      },
      status,
    );
  }

  router.get(place.base, load, async function showApproval(ctx) {
    const attempt = attemptIn(ctx);
    if (ctx.state.session !== null && ["finished", "granted"].includes(attempt.state)) goOn(ctx, place.next(attempt));
    else {
      const stillPending = queryText(ctx, "still") === "pending";
      await showWaiting(ctx, attempt, { stillPending, matchCode: typedBefore(ctx, "match_code") });
    }
  });

  // Forms that are one button stand on the waiting page.
  router.get([`${place.base}/resend`, `${place.base}/cancel`, `${place.base}/finish`], function leadBack(ctx) {
    seeOther(ctx, place.base);
  });

  router.post(`${place.base}/resend`, load, async function resend(ctx) {
    await resendPush(deps, attemptIn(ctx));
    seeOther(ctx, place.base);
  });

  router.post(`${place.base}/cancel`, load, async function cancel(ctx) {
    if (await cancelAttempt(deps, attemptIn(ctx))) {
      forgetAttempt(ctx, place.cookie);
      flash(ctx, "note", ctx.state.text("flash.request-cancelled"));
    }
    seeOther(ctx, place.elsewhere);
  });

  router.post(`${place.base}/finish`, load, async function finish(ctx) {
    const { match_code: matchCode } = fields(ctx, [], ["match_code"]);
    const attempt = attemptIn(ctx);
    const judged = await judgeApproval(deps, attempt, matchCode);
    switch (judged.kind) {
      case "right":
        await finishAndGoOn(ctx, place, judged.proof);
        return;
      case "still-pending":
        seeOther(ctx, `${place.base}?still=pending`);
        return;
      case "wrong-code": {
        const why = ctx.state.text(judged.wasJudged ? "match-code.wrong" : "match-code.missing", {
          left: judged.triesLeft,
        });
        const counted = (await deps.attempts.find(attempt.id)) ?? attempt;
        await showWaiting(ctx, counted, judged.triesLeft === 0 ? {} : { errors: { match_code: why } }, 422);
        return;
      }
      case "over":
        seeOther(ctx, place.base);
    }
  });

  return router;
}
