import Router from "@koa/router";

import { preferFactor, removeFactor, renameFactor } from "../../domain/manage-factors.js";
import type { Factor } from "../../domain/factor.js";
import { unprovedSuccessor } from "../../domain/move-from-authy.js";
import { hasStepUp } from "../../domain/step-up.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { asksBy, factorView, viewOrNull } from "../factor-view.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { originOf } from "../origin.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { giveSession, sessionBrowser } from "../signed-in.js";
import { seeOther, show } from "../views.js";

const PAGE = "/account/two-factor";
const FACTOR = `${PAGE}/factors/:id`;

/** What a person does with one of several factors: name it, begin with it, remove it. */
export function factors(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(`${PAGE}/factors/{*rest}`, requireSignIn({ beforeMove: true }));

  /** The account's active factors and the one that the address names; somebody else's is none. */
  async function find(ctx: Context & { params: Record<string, string> }): Promise<{ all: Factor[]; one?: Factor }> {
    const all = await deps.factors.listActive(signedInOf(ctx).subscriber.id);
    const one = all.find(({ id }) => id === ctx.params["id"]);
    return one === undefined ? { all } : { all, one };
  }

  router.get(`${FACTOR}/remove`, async function askWhetherToRemove(ctx) {
    const { session } = signedInOf(ctx);
    const { all, one } = await find(ctx);
    // The last one goes with two-factor sign-in itself.
    if (one === undefined || all.length === 1) {
      seeOther(ctx, one === undefined ? PAGE : `${PAGE}/disable`);
      return;
    }
    show(ctx, "two-factor-remove", {
      successor: viewOrNull(ctx.state.text, unprovedSuccessor(one, all)),
      factor: factorView(ctx.state.text, one),
      asksBy: asksBy(all, deps),
      stepUp: await hasStepUp(deps, session, "remove-factor", one.id),
    });
  });

  router.post(`${FACTOR}/remove`, async function remove(ctx) {
    const { session } = signedInOf(ctx);
    const { one } = await find(ctx);
    const browser = sessionBrowser(ctx, session.subscriberId);
    const signedIn = one === undefined ? null : await removeFactor(deps, session, one.id, browser);
    if (signedIn === null) {
      seeOther(ctx, one === undefined ? PAGE : `${PAGE}/factors/${one.id}/remove`);
      return;
    }
    giveSession(ctx, signedIn);
    await deps.sessionsEnded();
    flash(ctx, "done", ctx.state.text("flash.factor-removed"));
    seeOther(ctx, PAGE);
  });

  router.get([`${FACTOR}/rename`, `${FACTOR}/prefer`], function leadBack(ctx) {
    seeOther(ctx, PAGE);
  });

  router.post(`${FACTOR}/rename`, async function rename(ctx) {
    const { label } = fields(ctx, ["label"]);
    const { one } = await find(ctx);
    if (one !== undefined && (await renameFactor(deps, one, label, originOf(ctx))))
      flash(ctx, "done", ctx.state.text("flash.factor-renamed"));
    seeOther(ctx, PAGE);
  });

  router.post(`${FACTOR}/prefer`, async function prefer(ctx) {
    const { one } = await find(ctx);
    if (one !== undefined && (await preferFactor(deps, one, originOf(ctx))))
      flash(ctx, "done", ctx.state.text("flash.factor-preferred"));
    seeOther(ctx, PAGE);
  });
  return router;
}
