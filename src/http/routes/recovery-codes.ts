import Router from "@koa/router";

import { needsFreshPassword } from "../../domain/enrol.js";
import { makeRecoveryCodes } from "../../domain/recovery-code.js";
import { type Session } from "../../domain/session.js";
import { hasStepUp, useStepUp } from "../../domain/step-up.js";
import { type Factor } from "../../domain/subscriber.js";
import { type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { carrierOf, flash } from "../middleware/browser-session.js";
import { recordEvent } from "../record-event.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seal, unseal } from "../sealed.js";
import { seeOther, show } from "../views.js";

/** After a phone was added, its first codes need no approval of their own for this long. */
const FIRST_CODES_WITHIN_MS = 15 * 60_000;

/** Recovery codes: a new set, shown once. */
export function recoveryCodes(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use("/account/recovery-codes", requireSignIn());

  router.get("/account/recovery-codes", async function showRecoveryCodes(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const factor = await deps.factors.findActive(subscriber.id);
    const left = await deps.recoveryCodes.countLeft(subscriber.id);
    const carrier = carrierOf(ctx);
    const codes = carrier.sealed === undefined ? null : unseal(carrier.sealed, carrier.externalKey);
    delete carrier.sealed;
    show(ctx, deps.views, "recovery-codes", {
      codes: codes === null ? null : codes.split(" "),
      stepUp: factor !== null && (await mayMake(deps, session, factor, left)),
      left,
      hasFactor: factor !== null,
    });
  });

  router.post("/account/recovery-codes", async function makeCodes(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const factor = await deps.factors.findActive(subscriber.id);
    const left = await deps.recoveryCodes.countLeft(subscriber.id);
    const isAllowed =
      factor !== null &&
      (isFirstSet(deps, session, factor, left) || (await useStepUp(deps, session, "new-recovery-codes")));
    if (isAllowed) {
      const codes = await makeRecoveryCodes(deps, subscriber.id);
      const carrier = carrierOf(ctx);
      carrier.sealed = seal(codes.join(" "), carrier.externalKey);
      await recordEvent(ctx, deps, subscriber.id, "recovery-codes-made");
    } else {
      flash(ctx, "note", ctx.state.text(factor === null ? "flash.no-phone-yet" : "flash.codes-need-approval"));
    }
    seeOther(ctx, "/account/recovery-codes");
  });
  return router;
}

async function mayMake(deps: HttpDeps, session: Session, factor: Factor, left: number): Promise<boolean> {
  return isFirstSet(deps, session, factor, left) || (await hasStepUp(deps, session, "new-recovery-codes"));
}

/** Right after the phone was added, in the session that added it, by whoever typed the password just now. */
function isFirstSet(deps: HttpDeps, session: Session, factor: Factor, left: number): boolean {
  const age = deps.now().getTime() - factor.createdAt.getTime();
  const hasAddedIt = session.createdAt <= factor.createdAt;
  return left === 0 && age < FIRST_CODES_WITHIN_MS && hasAddedIt && !needsFreshPassword(deps, session);
}
