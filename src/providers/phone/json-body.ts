import type Koa from "koa";
import rawBody from "raw-body";

/** Nothing that a phone sends is longer. */
const MAX_BYTES = 8192;

/** A body that is not what it has to be: 413, 415 or 400. */
export class BadBody extends Error {
  constructor(
    readonly status: 400 | 413 | 415,
    message: string,
  ) {
    super(message);
  }
}

/** The value of a JSON body in UTF-8 of at most 8 KiB. @throws BadBody for anything else. */
export async function readJson(ctx: Koa.ParameterizedContext): Promise<unknown> {
  const isPlain = (ctx.get("Content-Encoding") || "identity") === "identity";
  if (ctx.is("application/json") !== "application/json" || !isPlain || !/^(utf-?8)?$/i.test(ctx.request.charset))
    throw new BadBody(415, "unsupported content type");
  let bytes: Buffer;
  try {
    bytes = await rawBody(ctx.req, { limit: MAX_BYTES, length: ctx.request.length });
  } catch (error) {
    if ((error as { type?: unknown }).type !== "entity.too.large") throw new BadBody(400, "body not readable");
    ctx.set("Connection", "close");
    throw new BadBody(413, "body too large");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new BadBody(400, "body not readable");
  }
}
