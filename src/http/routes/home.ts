import Router from "@koa/router";

import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { show } from "../views.js";

/** The start page. */
export function home({ http }: Pick<HttpDeps, "http">): Router<RequestState> {
  const router = new Router<RequestState>();
  router.get("/", function showHome(ctx) {
    show(ctx, "home", { isRegistrationOpen: http.registration === "open" });
  });
  return router;
}
