import Router from "@koa/router";

import { needsFreshPassword } from "../../domain/enrol.js";
import { mayMove, moveLater } from "../../domain/move-from-authy.js";
import { hasStepUp } from "../../domain/step-up.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seeOther, show } from "../views.js";

const PAGE = "/account/two-factor/move";

/** Moving over from Authy to a phone's own page: Authy consents, the phone is added, and once it has worked Authy may go. */
export function move(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  const showMove = movePage(deps);
  router.use([PAGE, `${PAGE}/{*rest}`], requireSignIn({ beforeMove: true }));

  router.get(PAGE, (ctx) => showMove(ctx, {}, 200));

  router.get(`${PAGE}/later`, function leadBack(ctx) {
    seeOther(ctx, PAGE);
  });

  router.post(`${PAGE}/later`, async function later(ctx) {
    if (!(await moveLater(deps, signedInOf(ctx).subscriber.id))) {
      seeOther(ctx, PAGE);
      return;
    }
    flash(ctx, "note", ctx.state.text("flash.move-later"));
    seeOther(ctx, "/account");
  });
  return router;
}

/** The page of the move; who has nothing to move from is led to what protects the account. */
export function movePage(deps: HttpDeps) {
  return async function showMove(
    ctx: Context,
    errors: Readonly<Record<string, string>>,
    status: number,
  ): Promise<void> {
    const { session, subscriber } = signedInOf(ctx);
    if (!mayMove(deps, await deps.factors.listActive(subscriber.id))) {
      seeOther(ctx, "/account/two-factor");
      return;
    }
    show(
      ctx,
      "two-factor-move",
      {
        isRequired: deps.settings.moveFromAuthy === "require",
        mustMove: ctx.state.mustMove,
        hasConsent: await hasStepUp(deps, session, "move-from-authy"),
        needsPassword: needsFreshPassword(deps, session),
        errors,
      },
      status,
    );
  };
}
