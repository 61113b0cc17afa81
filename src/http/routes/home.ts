import Router from "@koa/router";

import { type RequestState } from "../context.js";
import { show } from "../views.js";

/** The start page. */
export function home(): Router<RequestState> {
  const router = new Router<RequestState>();
  router.get("/", function showHome(ctx) {
    show(ctx, "home");
  });
  return router;
}
