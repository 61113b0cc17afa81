import Router from "@koa/router";

import { Invalid, TooMany } from "../../domain/errors.js";
import { findLink } from "../../domain/find-link.js";
import { requestReset } from "../../domain/request-reset.js";
import { resetPassword } from "../../domain/reset-password.js";
import { untilFloor } from "../../domain/start-login.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { deadLink, keepTokenToItself, tokenOf } from "../middleware/token-page.js";
import { networkOf, originOf } from "../origin.js";
import { fieldErrors } from "../text.js";
import { forgetSession } from "../signed-in.js";
import { seeOther, show } from "../views.js";

/** A forgotten password: asking for the link, and the page that it leads to. */
export function reset(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  const askForm = (ctx: Context, username: string, errors: Readonly<Record<string, string>>, status = 200): void => {
    show(ctx, "reset-ask", { values: { username }, errors }, status);
  };

  router.get("/password/reset", (ctx) => askForm(ctx, typedBefore(ctx, "username"), {}));

  router.post("/password/reset", async function askForLink(ctx) {
    let given;
    try {
      given = fields(ctx, ["username"]);
    } catch (error) {
      if (!(error instanceof MalformedForm)) throw error;
      askForm(ctx, "", error.errors(ctx.state.text), 400);
      return;
    }
    if (given.username.trim() === "") {
      askForm(ctx, "", { username: ctx.state.text("reset.missing") }, 422);
      return;
    }
    const origin = originOf(ctx);
    const mayAsk = await isWithin(deps.rates.mailsOfAddress(networkOf(origin.address)));
    if (mayAsk) await requestReset(deps, given.username, origin);
    await untilFloor(ctx.state.arrivedAt, deps);
    seeOther(ctx, "/password/reset/asked");
  });

  router.get("/password/reset/asked", function sayWhatWillHappen(ctx) {
    show(ctx, "reset-asked", { minutes: Math.ceil(deps.settings.resetTtlSeconds / 60) });
  });

  router.use("/password/reset/:token", keepTokenToItself());

  async function newPasswordForm(
    ctx: Context,
    errors: Readonly<Record<string, string>>,
    status: number,
  ): Promise<void> {
    const open = await findLink(deps, "reset", tokenOf(ctx));
    if (open === null) throw deadLink();
    const { username } = open.subscriber;
    const { passwordMinLength } = deps.settings;
    show(ctx, "reset-password", { action: ctx.path, username, errors, passwordMinLength }, status);
  }

  router.get("/password/reset/:token", (ctx) => newPasswordForm(ctx, {}, 200));

  router.post("/password/reset/:token", async function setPassword(ctx) {
    const { password } = fields(ctx, ["password"]);
    try {
      if (!(await resetPassword(deps, tokenOf(ctx), password, originOf(ctx)))) throw deadLink();
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      await newPasswordForm(ctx, fieldErrors(ctx.state.text, error.problems), 422);
      return;
    }
    await deps.sessionsEnded();
    // Its session ended with all others, if it was of this account.
    if (ctx.state.session !== null) forgetSession(ctx);
    flash(ctx, "done", ctx.state.text("flash.password-reset"));
    seeOther(ctx, "/login");
  });
  return router;
}

/** Whether the limit was kept: to go on as if nothing were wrong is all that a stranger may see. */
export async function isWithin(counted: Promise<void>): Promise<boolean> {
  try {
    await counted;
    return true;
  } catch (error) {
    if (error instanceof TooMany) return false;
    throw error;
  }
}
