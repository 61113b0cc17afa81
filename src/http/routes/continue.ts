import Router from "@koa/router";

import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { onward } from "../leaving.js";
import { requireSignIn } from "../require-sign-in.js";
import { seeOther, show } from "../views.js";

/** The page between a form and an application: it goes on by itself, without a form's rules for where that may lead. */
export function leaving(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.get("/continue", requireSignIn(), async function showLeaving(ctx) {
    const way = await onward(deps, ctx);
    if (way === null) seeOther(ctx, "/account");
    else show(ctx, "continue", way);
  });
  return router;
}
