import Router from "@koa/router";

import { safeNext } from "../../domain/next-path.js";
import { signOut } from "../../domain/sign-out.js";
import { forgetAttempt, heldAttempt } from "../attempt-cookie.js";
import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { visitHash } from "../middleware/visit.js";
import { originOf } from "../origin.js";
import { forgetSession } from "../signed-in.js";
import { seeOther } from "../views.js";

/** Signing out: on the server, in all processes, with whatever still waits in this browser. */
export function logout(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.get("/logout", function leadBack(ctx) {
    seeOther(ctx, ctx.state.session === null ? "/" : "/account");
  });

  router.post("/logout", async function leave(ctx) {
    const { session } = ctx.state;
    const { next } = fields(ctx, [], ["next"]);
    const held = [await heldAttempt(deps, ctx, "attempt"), await heldAttempt(deps, ctx, "step-up")];
    const attempts = held.filter((attempt) => attempt !== null);
    await signOut(deps, { session, attempts, visitHash: visitHash(ctx), origin: originOf(ctx) });
    await deps.sessionsEnded();
    for (const name of ["attempt", "step-up"] as const) forgetAttempt(ctx, name);
    // Nobody who was not signed in leaves a row behind.
    if (session !== null) {
      forgetSession(ctx);
      flash(ctx, "done", ctx.state.text("flash.signed-out"));
    }
    seeOther(ctx, next === "" ? "/" : `/login?next=${encodeURIComponent(safeNext(next))}`);
  });
  return router;
}
