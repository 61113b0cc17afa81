import type { Context } from "./context.js";

/** One parameter of the address as text; empty when it is missing or given more than once. */
export function queryText(ctx: Context, name: string): string {
  const value = ctx.query[name];
  return typeof value === "string" && value.isWellFormed() && !value.includes("\u0000") ? value : "";
}
