import { bodyParser } from "@koa/bodyparser";

import type { Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";

/** A credential of any kind has room in it. */
const MAX_BYTES = "32kb";

/** Reads what scripts of our own pages send: JSON, and nothing else. */
export function readScriptsJson(): Middleware {
  const parse = bodyParser({
    enableTypes: ["json"],
    jsonLimit: MAX_BYTES,
    patchNode: false,
    parsedMethods: ["POST"],
    onError(error: Error) {
      const isTooLarge = (error as { status?: number }).status === 413;
      throw isTooLarge ? new HttpRefusal(413, "form-too-large") : new HttpRefusal(400, "malformed-form");
    },
  }) as unknown as Middleware;
  return async function readJson(ctx, next) {
    if (ctx.method === "POST" && ctx.is("application/json") !== "application/json")
      throw new HttpRefusal(415, "not-json");
    await parse(ctx, next);
  };
}
