import { bodyParser } from "@koa/bodyparser";

import type { Context, Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";
import type { Text } from "../text.js";

const MAX_BYTES = "32kb";

/** Reads HTML forms, and nothing else. */
export function readForms(): Middleware {
  const parse = bodyParser({
    enableTypes: ["form"],
    formLimit: MAX_BYTES,
    patchNode: false,
    parsedMethods: ["POST", "PUT", "PATCH", "DELETE"],
    onError(error: Error) {
      const status = (error as { status?: number }).status;
      if (status === 413) throw new HttpRefusal(413, "form-too-large");
      throw new HttpRefusal(400, "malformed-form");
    },
  }) as unknown as Middleware;
  return async function readForm(ctx, next) {
    // null: there is no body at all
    if (ctx.method === "POST" && ctx.is("application/x-www-form-urlencoded") === false)
      throw new HttpRefusal(400, "not-a-form");
    await parse(ctx, next);
  };
}

/** What is wrong with a field that no page of ours sends like this. */
export type Malformation = "missing" | "not-one-text" | "characters" | "unknown-value";

/** A form whose fields are not each exactly one plain text: no page of ours sends such a thing. */
export class MalformedForm extends HttpRefusal {
  constructor(readonly fields: Readonly<Record<string, Malformation>>) {
    super(400, "malformed-field", { field: Object.keys(fields)[0] ?? "" });
  }

  /** The sentence for each field. */
  errors(text: Text): Record<string, string> {
    return Object.fromEntries(Object.entries(this.fields).map(([name, why]) => [name, text(`field.${why}`)]));
  }
}

/**
 * The named fields of a form, each exactly one text. Required ones must be there, though they may be empty; optional
 * ones are empty when missing.
 *
 * @throws MalformedForm for a missing field, an array, an object, a NUL or half a surrogate pair.
 */
export function fields<R extends string, O extends string = never>(
  ctx: Context,
  required: readonly R[],
  optional: readonly O[] = [],
): Record<R | O, string> {
  const body = (ctx.request.body ?? {}) as Record<string, unknown>;
  const wrong: Record<string, Malformation> = {};
  const read: Record<string, string> = {};
  for (const name of [...required, ...optional]) {
    const value = body[name];
    if (value === undefined && (optional as readonly string[]).includes(name)) read[name] = "";
    else if (value === undefined) wrong[name] = "missing";
    else if (typeof value !== "string") wrong[name] = "not-one-text";
    else if (value.includes("\u0000") || !value.isWellFormed()) wrong[name] = "characters";
    else read[name] = value;
  }
  if (Object.keys(wrong).length > 0) throw new MalformedForm(wrong);
  return read;
}
