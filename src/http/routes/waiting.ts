import Router from "@koa/router";

import { cancelAttempt } from "../../domain/cancel-attempts.js";
import { type Attempt } from "../../domain/attempt.js";
import { judgeApproval } from "../../domain/judge-approval.js";
import { readWaitingAttempt, resendPush } from "../../domain/waiting-attempt.js";
import { forgetAttempt } from "../attempt-cookie.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { queryText } from "../query-text.js";
import { seeOther, show } from "../views.js";
import { attemptIn, finishAndGoOn, loadAttempt, type WaitingPlace } from "../waiting-place.js";
import { waitingView } from "../waiting-view.js";
import { code } from "./code.js";
import { notMe } from "./not-me.js";

/** The waiting page with all that can be done there, once for sign-ins and once for step-ups. */
export function waiting(deps: HttpDeps, place: WaitingPlace): Router<RequestState> {
  const router = new Router<RequestState>();
  const load = loadAttempt(place);

  async function showWaiting(
    ctx: Context,
    attempt: Attempt,
    shown: { errors?: Readonly<Record<string, string>>; stillPending?: boolean } = {},
    status = 200,
  ): Promise<void> {
    const read = await readWaitingAttempt(deps, attempt);
    if (read === null) {
      seeOther(ctx, place.elsewhere);
      return;
    }
    const recoveryAllowed = (await deps.recoveryCodes.countLeft(attempt.subscriberId)) > 0;
    show(
      ctx,
      place.page,
      {
        waiting: waitingView(ctx.state.text, read, place, deps.settings, deps.now(), { ...shown, recoveryAllowed }),
        errors: shown.errors ?? {},
      },
      status,
    );
  }

  router.get(place.base, load, async function showApproval(ctx) {
    const attempt = attemptIn(ctx);
    if (ctx.state.session !== null && ["finished", "granted"].includes(attempt.state))
      seeOther(ctx, place.next(attempt));
    else await showWaiting(ctx, attempt, { stillPending: queryText(ctx, "still") === "pending" });
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

  router.use(code(deps, place).routes());
  router.use(notMe(deps, place).routes());
  return router;
}
