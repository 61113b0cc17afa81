import type Router from "@koa/router";
import type { Context } from "koa";
import { setTimeout as sleep } from "node:timers/promises";
import { AuthyError } from "./authy-error.js";
import { readParams, textParam } from "./body.js";
import type { Params } from "./bracketed-form.js";
import { spoil, type ApiRoute, type Spoil } from "./faults.js";
import { countCall } from "./month.js";
import type { Sandbox } from "./sandbox.js";

/** One call of Authy's API: takes its parameters and the variable parts of its path, returns the JSON body of the answer. */
export type Call = (params: Params, path: Readonly<Record<string, string>>, ctx: Context) => Promise<object> | object;
export type Method = "get" | "post" | "delete";

/** Registers calls of the API on a router; faults and authentication come before each. */
export interface Api {
  /** A call that is authenticated by the production API key. */
  route(name: ApiRoute, method: Method, path: string | string[], call: Call): void;
  /** A call that authenticates in a way of its own. */
  guarded(name: ApiRoute, method: Method, path: string | string[], call: Call): void;
}

export function createApi(sandbox: Sandbox, router: Router): Api {
  function guarded(name: ApiRoute, method: Method, path: string | string[], call: Call): void {
    router[method](path, async function apiCall(ctx) {
      const run = async (): Promise<void> => {
        ctx.body = await call(await readParams(ctx), ctx.params, ctx);
      };
      const fault = spoil(sandbox.faults, name, Math.random());
      if (fault === null) await run();
      else await spoiltCall(ctx, fault, run);
    });
  }
  return {
    guarded,
    route(name, method, path, call) {
      guarded(name, method, path, (params, texts, ctx) => {
        checkKey(sandbox, params, ctx);
        countCall(sandbox, "apiCalls");
        return call(params, texts, ctx);
      });
    },
  };
}

/** The key comes in the header, or, as old clients do it, as the parameter api_key; the header wins. */
export function checkKey(sandbox: Sandbox, params: Params, ctx: Context): void {
  const key = ctx.get("x-authy-api-key") || textParam(params, "api_key");
  if (key !== sandbox.settings.apiKey) throw new AuthyError(401, 60001, "Invalid API key");
}

async function spoiltCall(ctx: Context, fault: Spoil, run: () => Promise<void>): Promise<void> {
  const answersTruly = fault.kind === "none" || fault.kind === "truncate";
  if (fault.takesEffect) await run();
  await sleep(fault.latencyMs);
  if (answersTruly && !fault.takesEffect) await run();
  if (fault.retryAfter !== null) ctx.set("Retry-After", fault.retryAfter);
  if (fault.kind === "reset") reset(ctx);
  else if (fault.kind === "truncate") truncate(ctx);
  else if (!answersTruly) Object.assign(ctx, { status: fault.status, ...spoiltBody(fault) });
}

function spoiltBody({ kind, status }: Spoil): { body: unknown; type: string } {
  if (kind === "not-json") return { body: "upstream connect error or disconnect", type: "text/plain" };
  if (kind === "html")
    return { body: `<html><body><h1>${status} Service Unavailable</h1></body></html>`, type: "text/html" };
  const [code, message] = FAILURES[status] ?? [60000, "Something went wrong"];
  return { body: new AuthyError(status, code, message).envelope(), type: "application/json" };
}

const FAILURES: Readonly<Record<number, readonly [number, string]>> = {
  200: [60026, "User not found."],
  400: [60002, "Request is invalid"],
  401: [60001, "Invalid API key"],
  403: [60031, "Action is not authorised"],
  404: [60026, "User not found."],
  429: [60003, "Too many requests"],
};

function reset(ctx: Context): void {
  ctx.respond = false;
  ctx.req.socket.resetAndDestroy();
}

function truncate(ctx: Context): void {
  const text = Buffer.from(JSON.stringify(ctx.body));
  ctx.respond = false;
  ctx.res.writeHead(ctx.status, { "content-type": "application/json; charset=utf-8", "content-length": text.length });
  ctx.res.write(text.subarray(0, Math.floor(text.length / 2)), () => ctx.req.socket.destroy());
}
