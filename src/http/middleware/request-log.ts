import { randomUUID } from "node:crypto";
import type { Histogram } from "prom-client";

import type { Context, Middleware } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { withoutTokens } from "./token-page.js";

/** One line for each request: method, path without query, status, time. Never a header, a cookie or a body. */
export function requestLog(
  deps: Pick<HttpDeps, "log" | "now" | "views" | "http" | "traces">,
  seconds: Histogram<"route" | "method" | "status">,
): Middleware {
  return async function logRequest(ctx, next) {
    const startedAt = performance.now();
    const requestId = randomUUID();
    Object.assign(ctx.state, {
      log: deps.log,
      views: deps.views,
      isHttps: deps.http.isHttps,
      requestId,
      logged: { fields: {}, message: "request" },
      arrivedAt: deps.now(),
      held: null,
      session: null,
      subscriber: null,
      mustMove: false,
      visit: "",
      attempt: null,
      backTo: null,
    });
    await next();
    const ms = Math.round((performance.now() - startedAt) * 10) / 10;
    const [route, status] = [routeOf(ctx), String(ctx.status)];
    seconds.observe({ route, method: ctx.method, status }, ms / 1000);
    if (ctx.state.attempt !== null)
      deps.traces?.span(ctx.state.attempt.id, `${ctx.method} ${route}`, startedAt, status);
    const { fields, message } = ctx.state.logged;
    const request = { requestId, method: ctx.method, path: pathForLog(ctx.path), status: ctx.status, ms };
    deps.log.info({ ...request, ...fields }, message);
  };
}

/** The pattern of the route that the request was for, also where a guard before it refused. */
function routeOf(ctx: Context): string {
  const { matched = [] } = ctx as { matched?: readonly { path: unknown; methods: readonly string[] }[] };
  const route = matched.findLast(({ methods }) => methods.includes(ctx.method))?.path;
  return typeof route === "string" ? route : "other";
}

/** Paths are the browser's text: cut, and without anything that could break a line. */
function pathForLog(path: string): string {
  return withoutTokens(path)
    .slice(0, 200)
    .replace(/[^\x21-\x7e]/g, "?");
}
