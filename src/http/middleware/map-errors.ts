import { isDatabaseAway } from "../../database/errors.js";
import {
  Busy,
  LoginError,
  ProviderThrottled,
  ProviderUnavailable,
  ProviderUnconfirmed,
  TooMany,
} from "../../domain/errors.js";
import { type Context, type Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";
import { type Views } from "../views.js";

interface Page {
  readonly status: number;
  readonly title: string;
  readonly message: string;
  readonly whatToDo: string | null;
  readonly retryAfterSeconds: number | null;
}

const PAGES: Readonly<Record<number, readonly [title: string, message: string, whatToDo: string | null]>> = {
  404: [
    "Not found",
    "There is nothing at this address, or it is not yours to see.",
    "Check the address, or go to the start page.",
  ],
  405: ["Not possible here", "This address does not take such a request.", null],
  501: ["Not possible here", "This address does not take such a request.", null],
};

/**
 * Answers every failure below by itself. Koa's own handler would drop cookies and security headers; and an error page
 * tells nobody what went wrong inside.
 */
export function mapErrors(views: Views): Middleware {
  return async function mapError(ctx, next) {
    try {
      await next();
      if (ctx.respond !== false && ctx.status >= 400 && ctx.body == null) showPage(ctx, views, pageFor(ctx.status));
    } catch (error) {
      if (ctx.res.headersSent) throw error;
      const page = pageOf(error);
      if (page.status >= 500) logFailure(ctx, error);
      showPage(ctx, views, page);
    }
  };
}

function pageFor(status: number): Page {
  const [title, message, whatToDo] = PAGES[status] ?? ["Not possible", "This request cannot be answered.", null];
  return { status, title, message, whatToDo, retryAfterSeconds: null };
}

function pageOf(error: unknown): Page {
  if (error instanceof HttpRefusal)
    return {
      status: error.status,
      title: error.title,
      message: error.text,
      whatToDo: error.whatToDo,
      retryAfterSeconds: null,
    };
  if (error instanceof TooMany)
    return {
      status: 429,
      title: "Too much at once",
      message: "There were too many requests of this kind.",
      whatToDo: "Wait a moment, then try again.",
      retryAfterSeconds: error.retryAfterSeconds,
    };
  if (error instanceof Busy)
    return {
      status: 503,
      title: "Busy",
      message: "More people sign in right now than we can serve at once.",
      whatToDo: "Try again in a few seconds. Nothing is lost.",
      retryAfterSeconds: error.retryAfterSeconds,
    };
  if (
    error instanceof ProviderUnavailable ||
    error instanceof ProviderUnconfirmed ||
    error instanceof ProviderThrottled
  )
    return {
      status: 503,
      title: "Authy does not answer",
      message: "Authy, which reaches your phone, does not answer right now.",
      whatToDo: "Try again in a moment, or use a recovery code.",
      retryAfterSeconds: 5,
    };
  const status = httpStatusOf(error);
  if (status !== null && status < 500) return pageFor(status);
  if (isDatabaseAway(error))
    return {
      status: 503,
      title: "One moment",
      message: "Our database does not answer right now.",
      whatToDo: "Try again in a few seconds. Nothing is lost.",
      retryAfterSeconds: 2,
    };
  return {
    status: 500,
    title: "This did not work",
    message: "The fault is ours and has been noted.",
    whatToDo: "Try again in a moment.",
    retryAfterSeconds: null,
  };
}

function httpStatusOf(error: unknown): number | null {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && status >= 400 && status < 600 ? status : null;
}

/** Chosen fields only: somebody else's error object may carry a key or a password. */
function logFailure(ctx: Context, error: unknown): void {
  const known = error instanceof Error ? error : new Error("not an error");
  ctx.state.log.error(
    {
      requestId: ctx.state.requestId,
      path: ctx.path.slice(0, 200),
      name: known.name,
      code: known instanceof LoginError ? known.code : driverCode(known),
      at: (known.stack ?? "").split("\n")[1]?.trim().slice(0, 160) ?? "",
    },
    "request failed",
  );
}

/** Where the page leads: back to the request that waits, else to the start. */
function wayOn(ctx: Context): { home: string; homeLabel: string } {
  const waiting = /^\/(login|account)\/approval(?=\/)/.exec(ctx.path)?.[0];
  if (waiting !== undefined) return { home: waiting, homeLabel: "Back to the request" };
  return { home: ctx.state.subscriber === null ? "/" : "/account", homeLabel: "Go on from the start" };
}

function driverCode(error: Error): string {
  const code = (error as { driverError?: { code?: unknown } }).driverError?.code;
  return typeof code === "string" ? code : "";
}

function showPage(ctx: Context, views: Views, page: Page): void {
  ctx.status = page.status;
  if (page.retryAfterSeconds !== null) ctx.set("Retry-After", String(page.retryAfterSeconds));
  ctx.set("Cache-Control", "no-store");
  if (ctx.accepts("html", "json") === "json") {
    ctx.body = { error: page.title, message: page.message };
    return;
  }
  ctx.type = "html";
  ctx.body = views.render(ctx, "error", { ...page, ...wayOn(ctx) });
}
