import type { Context } from "koa";
import { AuthyError, invalidRequest } from "./authy-error.js";
import { parseBracketed, type Params } from "./bracketed-form.js";
import { PhoneProblem } from "./phone.js";

const MAX_BYTES = 65_536;

/** The whole body as text. @throws AuthyError 413 over 64 KiB */
async function readText(ctx: Context): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of ctx.req) {
    size += (chunk as Buffer).length;
    if (size > MAX_BYTES) throw new AuthyError(413, 60002, "Request is too large");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * The parameters of an API call: those of the query, over them those of the body, JSON or form alike.
 * Clients put parameters in either place, and one sends a body with GET.
 *
 * @throws AuthyError 60002 for a body that is neither, 60005 for broken JSON.
 */
export async function readParams(ctx: Context): Promise<Params> {
  const query = parseBracketed(ctx.querystring);
  const text = (await readText(ctx)).trim();
  if (text === "") return query;
  const body =
    text.startsWith("{") || text.startsWith("[") || ctx.is("json") !== false ? parseJson(text) : parseBracketed(text);
  return { ...query, ...body };
}

function parseJson(text: string): Params {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new AuthyError(400, 60005, "Request is no valid JSON");
  }
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw invalidRequest("Request must be a JSON object");
  return content as Params;
}

/**
 * The JSON body of a request from the phone page or a test. Nothing but JSON is read: a form on a foreign page can
 * send everything else without asking.
 *
 * @throws PhoneProblem 415 for another content type, 400 for a body that is not JSON.
 */
export async function readJson(ctx: Context): Promise<unknown> {
  if (
    ctx.is("json") === false ||
    (ctx.is("json") === null && ctx.get("content-type").split(";")[0]?.trim() !== "application/json")
  )
    throw new PhoneProblem(415, "json_only", "Send JSON, with the header content-type: application/json.");
  const text = await readText(ctx);
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new PhoneProblem(400, "no_json", "The body is not valid JSON.");
  }
}

/** A text parameter; numbers and booleans count as text, anything else as absent. */
export function textParam(params: Params, name: string): string | null {
  const value = Object.hasOwn(params, name) ? params[name] : undefined;
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}
