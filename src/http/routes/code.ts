import Router from "@koa/router";

import { takesCodes } from "../../domain/attempt.js";
import { LoginError, ProviderRefused } from "../../domain/errors.js";
import { judgeCode } from "../../domain/judge-code.js";
import { isUsable, readWaitingAttempt } from "../../domain/waiting-attempt.js";
import { appsOf, showCodePage } from "../code-page.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { waitText } from "../text.js";
import { seeOther } from "../views.js";
import { attemptIn, finishAndGoOn, loadAttempt, type WaitingPlace } from "./waiting.js";

/** A code in place of the tap on the phone: the app's, a recovery code, or one by text message where that is allowed. */
export function code(deps: HttpDeps, place: WaitingPlace): Router<RequestState> {
  const router = new Router<RequestState>();
  const load = loadAttempt(place);

  async function leadBackWithoutCodes(ctx: Context, next: () => Promise<unknown>): Promise<void> {
    if (takesCodes(attemptIn(ctx).purpose)) await next();
    else seeOther(ctx, place.base);
  }

  const showCode = (ctx: Context, errors: Readonly<Record<string, string>>, status?: number): Promise<void> =>
    showCodePage(deps, ctx, place, attemptIn(ctx), errors, { status });

  async function wrongText(ctx: Context): Promise<string> {
    const apps = appsOf(await deps.factors.listActive(attemptIn(ctx).subscriberId));
    return ctx.state.text(apps === "authy" ? "code.wrong" : "code.wrong-app");
  }

  router.get(place.codePath, load, leadBackWithoutCodes, (ctx) => showCode(ctx, {}));

  router.post(place.codePath, load, async function submitCode(ctx) {
    const { code: typed } = fields(ctx, ["code"]);
    let judged;
    try {
      judged = await judgeCode(deps, attemptIn(ctx), typed);
    } catch (error) {
      if (!(error instanceof LoginError) || !error.code.startsWith("provider_")) throw error;
      ctx.state.log.warn({ code: error.code }, "Authy could not verify the code");
      await showCode(ctx, { form: ctx.state.text("code.unavailable") }, 503);
      ctx.set("Retry-After", "5");
      return;
    }
    switch (judged.kind) {
      case "right":
        await finishAndGoOn(ctx, place, judged.proof);
        return;
      case "wrong":
        await showCode(ctx, { code: await wrongText(ctx) }, 422);
        return;
      case "wait":
        await showCode(ctx, { form: waitText(ctx.state.text, judged.seconds) }, 429);
        ctx.set("Retry-After", String(judged.seconds));
        return;
      case "over":
        seeOther(ctx, place.base);
    }
  });

  router.get(`${place.codePath}/sms`, function leadBack(ctx) {
    seeOther(ctx, place.codePath);
  });

  router.post(`${place.codePath}/sms`, load, leadBackWithoutCodes, async function sendTextMessage(ctx) {
    const attempt = attemptIn(ctx);
    const read = await readWaitingAttempt(deps, attempt);
    const factor = read?.factors.find(({ type }) => deps.providers[type]?.judges?.sendTextMessage !== undefined);
    const judges = factor && deps.providers[factor.type]?.judges;
    const isUsableNow = read !== null && isUsable(attempt, read.subscriber, deps.now());
    if (!deps.settings.textMessages || factor === undefined || judges?.sendTextMessage === undefined || !isUsableNow) {
      seeOther(ctx, place.codePath);
      return;
    }
    await deps.rates.textMessages(attempt.subscriberId);
    try {
      await deps.attempts.noteText(attempt.id);
      await judges.sendTextMessage(factor);
      flash(ctx, "note", ctx.state.text("flash.text-message-sent"));
    } catch (error) {
      if (!(error instanceof ProviderRefused)) throw error;
      flash(ctx, "warning", ctx.state.text("flash.text-message-refused"));
    }
    seeOther(ctx, place.codePath);
  });
  return router;
}
