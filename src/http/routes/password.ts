import Router from "@koa/router";

import { changePassword } from "../../domain/change-password.js";
import { Invalid } from "../../domain/errors.js";
import { hasStepUp } from "../../domain/step-up.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { goOnToWanted, keepWanted } from "../leaving.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { asksBy } from "../factor-view.js";
import { queryText } from "../query-text.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { giveSession, sessionBrowser } from "../signed-in.js";
import { fieldErrors } from "../text.js";
import { seeOther, show } from "../views.js";

/** A new password: needs the old one, and the phone where one is enrolled. */
export function password(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use("/account/password", requireSignIn({ beforeNewPassword: true, beforeMove: true }));

  async function form(ctx: Context, errors: Readonly<Record<string, string>>, status: number): Promise<void> {
    const { session, subscriber } = signedInOf(ctx);
    const factors = await deps.factors.listActive(subscriber.id);
    show(
      ctx,
      "password",
      {
        values: { username: subscriber.username },
        errors,
        stepUp: await hasStepUp(deps, session, "change-password"),
        hasFactor: factors.length > 0,
        asksBy: asksBy(factors, deps),
        mustChangePassword: subscriber.mustChangePassword,
        passwordMinLength: deps.settings.passwordMinLength,
      },
      status,
    );
  }

  router.get("/.well-known/change-password", function leadPasswordManagers(ctx) {
    seeOther(ctx, "/account/password");
  });

  router.get("/account/password", async function showPassword(ctx) {
    const next = queryText(ctx, "next");
    if (next !== "") keepWanted(ctx, next);
    await form(ctx, {}, 200);
  });

  router.post("/account/password", async function submitPassword(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const given = fields(ctx, ["current_password", "password"]);
    try {
      const signedIn = await changePassword(
        deps,
        session,
        subscriber,
        { currentPassword: given.current_password, password: given.password },
        sessionBrowser(ctx, subscriber.id),
      );
      if (signedIn === null) {
        flash(ctx, "note", ctx.state.text("flash.password-needs-approval"));
        seeOther(ctx, "/account/password");
        return;
      }
      giveSession(ctx, signedIn);
      await deps.sessionsEnded();
      flash(ctx, "done", ctx.state.text("flash.password-changed"));
      // Whoever changes it unasked wanted this page.
      if (subscriber.mustChangePassword) goOnToWanted(ctx);
      else seeOther(ctx, "/account");
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      await form(ctx, fieldErrors(ctx.state.text, error.problems), 422);
    }
  });
  return router;
}
