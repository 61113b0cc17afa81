import Router from "@koa/router";

import { makeRecoveryCodes, mayMakeRecoveryCodes } from "../../domain/make-recovery-codes.js";
import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { wantedApplication } from "../leaving.js";
import { carriedBy, flash } from "../middleware/carry-messages.js";
import { originOf } from "../origin.js";
import { asksBy } from "../factor-view.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seal, unseal } from "../sealed.js";
import { seeOther, show } from "../views.js";

/** Recovery codes: a new set, shown once. */
export function recoveryCodes(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use("/account/recovery-codes", requireSignIn({ beforeMove: true }));

  router.get("/account/recovery-codes", async function showRecoveryCodes(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const factors = await deps.factors.listActive(subscriber.id);
    const carried = carriedBy(ctx);
    const codes = carried.sealed === undefined ? null : unseal(carried.sealed, ctx.state.held?.key ?? "");
    delete carried.sealed;
    show(ctx, "recovery-codes", {
      codes: codes === null ? null : codes.split(" "),
      wanted: await wantedApplication(deps, ctx),
      stepUp: await mayMakeRecoveryCodes(deps, session),
      left: await deps.recoveryCodes.countLeft(subscriber.id),
      hasFactor: factors.length > 0,
      asksBy: asksBy(factors, deps),
    });
  });

  router.post("/account/recovery-codes", async function makeCodes(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const codes = await makeRecoveryCodes(deps, session, originOf(ctx));
    if (codes !== null) carriedBy(ctx).sealed = seal(codes.join(" "), ctx.state.held?.key ?? "");
    else {
      const hasFactor = (await deps.factors.listActive(subscriber.id)).length > 0;
      flash(ctx, "note", ctx.state.text(hasFactor ? "flash.codes-need-approval" : "flash.no-phone-yet"));
    }
    seeOther(ctx, "/account/recovery-codes");
  });
  return router;
}
