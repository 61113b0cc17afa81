import Router from "@koa/router";

import { closeAccount, erasedFrom } from "../../domain/close-account.js";
import { Invalid } from "../../domain/errors.js";
import { hasStepUp } from "../../domain/step-up.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { asksBy } from "../factor-view.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { originOf } from "../origin.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { forgetSession } from "../signed-in.js";
import { fieldErrors } from "../text.js";
import { seeOther, show } from "../views.js";

/** The end of an account, and what is kept about its owner. */
export function close(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(["/account/close", "/account/export"], requireSignIn());

  async function form(ctx: Context, errors: Readonly<Record<string, string>>, status: number): Promise<void> {
    const { session, subscriber } = signedInOf(ctx);
    const factors = await deps.factors.listActive(subscriber.id);
    show(
      ctx,
      "close",
      {
        values: { username: subscriber.username },
        errors,
        stepUp: await hasStepUp(deps, session, "close-account"),
        hasFactor: factors.length > 0,
        asksBy: asksBy(factors, deps),
        erasedFrom: erasedFrom(deps.now(), deps.settings).toISOString(),
      },
      status,
    );
  }

  router.get("/account/close", (ctx) => form(ctx, {}, 200));

  router.post("/account/close", async function submitClose(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const { current_password } = fields(ctx, [], ["current_password"]);
    try {
      const from = await closeAccount(deps, session, subscriber, current_password, originOf(ctx));
      if (from === null) {
        flash(ctx, "note", ctx.state.text("flash.close-needs-approval"));
        seeOther(ctx, "/account/close");
        return;
      }
      await deps.sessionsEnded();
      forgetSession(ctx);
      flash(ctx, "done", ctx.state.text("flash.account-closed"));
      seeOther(ctx, "/login");
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      await form(ctx, fieldErrors(ctx.state.text, error.problems), 422);
    }
  });

  router.get("/account/export", async function exportAccount(ctx) {
    const { subscriber } = signedInOf(ctx);
    const kept = await deps.accountRows.read(subscriber.id);
    ctx.attachment(`${subscriber.username}.json`);
    ctx.type = "json";
    ctx.body = JSON.stringify(kept, null, 2);
  });
  return router;
}
