import { appCodeIn } from "../../domain/typed-code.js";
import type { Context, Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";

/**
 * A form that was refused only because its token is of another visit: the cookie was lost, replaced or never taken.
 *
 * @param hasNoCookies - No cookie of ours came at all.
 */
export class StaleForm extends HttpRefusal {
  constructor(readonly hasNoCookies: boolean) {
    super(403, "stale-form");
  }
}

/** A redirect within the page that is shown again: from the address of a form to its page, to the sign-in. */
const MOST_REDIRECTS = 3;

/**
 * Shows the page of a stale form again, with what was typed and a fresh token, as a GET of the form's address would. Two
 * tabs that were opened at once in a fresh browser have two visits, of which the browser keeps one.
 *
 * @param pages - Everything that answers with a page, guards included.
 */
export function showFormAgain(pages: Middleware): Middleware {
  return async function showStaleFormAgain(ctx, next) {
    try {
      await pages(ctx, next);
    } catch (error) {
      if (!(error instanceof StaleForm)) throw error;
      const { method, path, search } = ctx;
      ctx.state.formAgain = { action: path, hasNoCookies: error.hasNoCookies, ...typedIn(ctx) };
      ctx.method = "GET";
      try {
        await showPage(ctx, pages);
      } finally {
        Object.assign(ctx, { method, path, search });
      }
      if (ctx.body == null) throw error;
      ctx.status = error.status;
    }
  };
}

async function showPage(ctx: Context, pages: Middleware): Promise<void> {
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    await pages(ctx, () => Promise.resolve());
    if (ctx.status < 300 || ctx.status >= 400) return;
    const to = new URL(ctx.response.get("Location"), "http://here.invalid");
    ctx.remove("Location");
    ctx.body = null;
    ctx.status = 404;
    Object.assign(ctx, { path: to.pathname, search: to.search });
  }
}

/** What was typed, but for secrets, and whether there was one. */
function typedIn(ctx: Context): { typed: Record<string, string>; hadSecret: boolean } {
  const fields = Object.entries((ctx.request.body ?? {}) as Record<string, unknown>).filter(isPlainText);
  const kept = fields.filter((field) => !isSecret(field));
  return { typed: Object.fromEntries(kept), hadSecret: kept.length < fields.length };
}

function isPlainText(field: [string, unknown]): field is [string, string] {
  const [name, value] = field;
  return name !== "csrf" && typeof value === "string" && value.isWellFormed() && !value.includes("\u0000");
}

/**
 * Passwords and recovery codes open an account tomorrow, too: no page repeats them. The digits of the app and of the phone
 * are worth nothing a moment later, and nobody need type them twice.
 */
function isSecret([name, value]: [string, string]): boolean {
  return name.includes("password") || (name === "code" && appCodeIn(value) === null);
}

/** What stood in a field of the form that is shown again; empty where there is none. */
export function typedBefore(ctx: Context, name: string): string {
  return ctx.state.formAgain?.typed[name] ?? "";
}
