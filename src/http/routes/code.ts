import Router from "@koa/router";

import { LoginError, ProviderRefused } from "../../domain/errors.js";
import { judgeCode } from "../../domain/judge-code.js";
import { isUsable, readWaitingAttempt } from "../../domain/waiting-attempt.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { type Text } from "../text.js";
import { seeOther, show } from "../views.js";
import { attemptIn, finishAndGoOn, loadAttempt, type WaitingPlace } from "./waiting.js";

/** A code in place of the tap on the phone: the app's, a recovery code, or one by text message where that is allowed. */
export function code(deps: HttpDeps, place: WaitingPlace): Router<RequestState> {
  const router = new Router<RequestState>();
  const load = loadAttempt(place);

  function showCode(ctx: Context, errors: Readonly<Record<string, string>>, status = 200): void {
    show(
      ctx,
      "login-code",
      {
        base: place.base === "/login/approval" ? "/login" : place.base,
        action: place.codePath,
        smsAllowed: deps.settings.textMessages,
        smsAction: `${place.codePath}/sms`,
        back: place.base,
        recoveryAllowed: true,
        triesLeft: null,
        values: { code: typedBefore(ctx, "code") },
        errors,
      },
      status,
    );
  }

  router.get(place.codePath, load, function askForCode(ctx) {
    showCode(ctx, {});
  });

  router.post(place.codePath, load, async function submitCode(ctx) {
    const { code: typed } = fields(ctx, ["code"]);
    let judged;
    try {
      judged = await judgeCode(deps, attemptIn(ctx), typed);
    } catch (error) {
      if (!(error instanceof LoginError) || !error.code.startsWith("provider_")) throw error;
      ctx.state.log.warn({ code: error.code }, "Authy could not verify the code");
      showCode(ctx, { form: ctx.state.text("code.unavailable") }, 503);
      ctx.set("Retry-After", "5");
      return;
    }
    switch (judged.kind) {
      case "right":
        await finishAndGoOn(ctx, place, judged.proof);
        return;
      case "wrong":
        showCode(ctx, { code: ctx.state.text("code.wrong") }, 422);
        return;
      case "wait":
        showCode(ctx, { form: waitText(ctx.state.text, judged.seconds) }, 429);
        ctx.set("Retry-After", String(judged.seconds));
        return;
      case "over":
        seeOther(ctx, place.base);
    }
  });

  router.get(`${place.codePath}/sms`, function leadBack(ctx) {
    seeOther(ctx, place.codePath);
  });

  router.post(`${place.codePath}/sms`, load, async function sendTextMessage(ctx) {
    const attempt = attemptIn(ctx);
    const read = await readWaitingAttempt(deps, attempt);
    const factor = read?.factors.find(({ type }) => deps.providers[type]?.judges?.sendTextMessage !== undefined);
    const send = factor && deps.providers[factor.type]?.judges?.sendTextMessage;
    const isUsableNow = read !== null && isUsable(attempt, read.subscriber, deps.now());
    if (!deps.settings.textMessages || factor === undefined || send === undefined || !isUsableNow) {
      seeOther(ctx, place.codePath);
      return;
    }
    await deps.rates.textMessages(attempt.subscriberId);
    try {
      await send(factor);
      flash(ctx, "note", ctx.state.text("flash.text-message-sent"));
    } catch (error) {
      if (!(error instanceof ProviderRefused)) throw error;
      flash(ctx, "warning", ctx.state.text("flash.text-message-refused"));
    }
    seeOther(ctx, place.codePath);
  });
  return router;
}

function waitText(text: Text, seconds: number): string {
  return seconds < 90
    ? text("code.wait-seconds", { seconds })
    : text("code.wait-minutes", { minutes: Math.ceil(seconds / 60) });
}
