import Router from "@koa/router";

import type { Attempt } from "../../domain/attempt.js";
import { reportNotMe } from "../../domain/report-not-me.js";
import { forgetAttempt } from "../attempt-cookie.js";
import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { forgetSession } from "../signed-in.js";
import { seeOther, show } from "../views.js";
import { attemptIn, loadAttempt, type WaitingPlace } from "./waiting.js";

/** After a denial on the phone: explains what "this was not me" does, asks once, and does it. */
export function notMe(deps: HttpDeps, place: WaitingPlace): Router<RequestState> {
  const router = new Router<RequestState>();
  const path = `${place.base}/not-me`;
  const load = loadAttempt(place);

  router.get(path, load, async function askWhetherNotMe(ctx) {
    if (await wasDenied(deps, attemptIn(ctx))) show(ctx, "not-me", { base: place.base });
    else seeOther(ctx, place.base);
  });

  router.post(path, load, async function reportAttempt(ctx) {
    const attempt = attemptIn(ctx);
    const { confirm } = fields(ctx, ["confirm"]);
    // Without a denial on the phone, whoever has the password could end the owner's sessions.
    if (confirm !== "yes" || !(await wasDenied(deps, attempt))) {
      seeOther(ctx, place.base);
      return;
    }
    await reportNotMe(deps, attempt);
    await deps.sessionsEnded();
    forgetAttempt(ctx, place.cookie);
    forgetSession(ctx);
    flash(ctx, "done", ctx.state.text("flash.not-me"));
    seeOther(ctx, "/login");
  });
  return router;
}

async function wasDenied({ challenges }: Pick<HttpDeps, "challenges">, attempt: Attempt): Promise<boolean> {
  return (await challenges.findDecisive(attempt.id))?.state === "denied";
}
