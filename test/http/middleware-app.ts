import Keygrip from "keygrip";
import Koa from "koa";

import type { Middleware, RequestState } from "../../src/http/context.js";
import type { LogFields } from "../../src/domain/deps.js";
import { HttpRefusal } from "../../src/http/refusal.js";
import type { Owner } from "../kit/owner.js";

/** A line that the middleware under test wrote to the log. */
export interface Warning {
  readonly fields: LogFields;
  readonly message: string;
}

/** Middleware on a server of its own, without database, sessions and pages. */
export interface MiddlewareApp {
  readonly origin: string;
  readonly warnings: readonly Warning[];
}

/** Serves the given middleware on a free port of loopback; refusals become their bare status. */
export async function serveMiddleware(
  owner: Owner,
  middleware: readonly Middleware[],
  options: { readonly trustedProxies?: number; readonly isHttps?: boolean } = {},
): Promise<MiddlewareApp> {
  const { trustedProxies = 0, isHttps = false } = options;
  const app = new Koa<RequestState>({ proxy: trustedProxies > 0, maxIpsCount: trustedProxies });
  app.keys = new Keygrip(["a key for tests"], "sha256");
  const warnings: Warning[] = [];
  const warn = (fields: LogFields, message: string): void => {
    warnings.push({ fields, message });
  };
  app.use(async function giveState(ctx, next) {
    const log = { info: warn, warn, error: warn };
    Object.assign(ctx.state, { log, isHttps, session: null, subscriber: null, visit: "" });
    try {
      await next();
    } catch (error) {
      if (!(error instanceof HttpRefusal)) throw error;
      ctx.status = error.status;
      ctx.body = error.page;
    }
  });
  for (const each of middleware) app.use(each);
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  owner.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  return { origin: `http://127.0.0.1:${address.port}`, warnings };
}
