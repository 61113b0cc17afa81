import type { Context, Middleware } from "koa";
import type { Logger } from "pino";
import { AuthyError } from "./authy-error.js";
import { PhoneProblem } from "./phone.js";

/** Turns every failure below into an answer: Authy's envelope for the API, `{"error","code"}` for the phone. */
export function mapErrors(log: Logger): Middleware {
  return async function mapErrors(ctx, next) {
    try {
      await next();
      if (ctx.status === 404 && ctx.body == null && ctx.respond !== false) notServed(ctx);
    } catch (cause) {
      answer(ctx, cause, log);
    }
  };
}

function answer(ctx: Context, cause: unknown, log: Logger): void {
  if (cause instanceof AuthyError) {
    ctx.status = cause.status;
    ctx.body = isApi(ctx) ? cause.envelope() : { error: cause.message, code: String(cause.code) };
  } else if (cause instanceof PhoneProblem) {
    ctx.status = cause.status;
    ctx.body = { error: cause.message, code: cause.code };
  } else if (isClientError(cause)) {
    ctx.status = 400;
    ctx.body = isApi(ctx)
      ? new AuthyError(400, 60002, "Request is invalid").envelope()
      : { error: "The request is malformed.", code: "malformed" };
  } else if (!ctx.req.socket.destroyed) {
    log.error({ err: cause, path: ctx.path }, "the sandbox broke");
    ctx.status = 500;
    ctx.body = isApi(ctx)
      ? new AuthyError(500, 60000, "Internal error").envelope()
      : { error: "The sandbox broke.", code: "broken" };
  }
}

function notServed(ctx: Context): void {
  ctx.status = 404;
  ctx.body = isApi(ctx)
    ? new AuthyError(404, 60000, `The sandbox does not serve ${ctx.method} ${ctx.path.slice(0, 200)}`).envelope()
    : { error: "There is nothing here.", code: "not_found" };
}

const isApi = (ctx: Context): boolean => /^\/(protected|onetouch|dashboard)\//.test(ctx.path);

/** Errors of Koa and its router that carry a 4xx status, such as a path that cannot be decoded. */
function isClientError(cause: unknown): boolean {
  const status = (cause as { status?: unknown } | null)?.status;
  return cause instanceof URIError || (typeof status === "number" && status >= 400 && status < 500);
}
