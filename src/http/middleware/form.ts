import { bodyParser } from "@koa/bodyparser";

import { type Context, type Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";

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
      if (status === 413) throw new HttpRefusal(413, "Too large", "The form is larger than any of ours.");
      throw new MalformedForm("the form cannot be read");
    },
  }) as unknown as Middleware;
  return async function readForm(ctx, next) {
    // null: there is no body at all
    if (ctx.method === "POST" && ctx.is("application/x-www-form-urlencoded") === false)
      throw new HttpRefusal(400, "Not a form", "This address takes HTML forms only.");
    await parse(ctx, next);
  };
}

/** A form whose fields are not each exactly one plain text: no page of ours sends such a thing. */
export class MalformedForm extends HttpRefusal {
  constructor(
    why: string,
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(
      400,
      "Not understood",
      `The form could not be read: ${why}. Nothing was changed.`,
      "Go back, reload the page, and try again.",
    );
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
  const wrong: Record<string, string> = {};
  const read: Record<string, string> = {};
  for (const name of [...required, ...optional]) {
    const value = body[name];
    if (value === undefined && (optional as readonly string[]).includes(name)) read[name] = "";
    else if (value === undefined) wrong[name] = "This field is missing.";
    else if (typeof value !== "string") wrong[name] = "Give this field once, as plain text.";
    else if (value.includes("\u0000") || !value.isWellFormed())
      wrong[name] = "This text has characters that cannot be kept.";
    else read[name] = value;
  }
  const [first] = Object.keys(wrong);
  if (first !== undefined) throw new MalformedForm(`the field "${first}" is missing or not one plain text`, wrong);
  return read;
}
