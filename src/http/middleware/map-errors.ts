import { errorFields } from "../../domain/error-fields.js";
import { LoginError } from "../../domain/errors.js";
import { type Context, type Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";
import { type Views } from "../views.js";

interface Page {
  readonly status: number;
  readonly title: string;
  readonly message: string;
  readonly whatToDo: string | null;
  readonly retryAfterSeconds?: number;
}

const PROVIDER_AWAY: Page = {
  status: 503,
  title: "Authy does not answer",
  message: "Authy, which reaches your phone, does not answer right now.",
  whatToDo: "Try again in a moment, or use a recovery code.",
  retryAfterSeconds: 5,
};

/** What people are told of the rules' own errors, by `code`. An error that names its own time to wait has the last word. */
const BY_CODE: Readonly<Record<string, Page>> = {
  too_many: {
    status: 429,
    title: "Too much at once",
    message: "There were too many requests of this kind.",
    whatToDo: "Wait a moment, then try again.",
  },
  busy: {
    status: 503,
    title: "Busy",
    message: "More people sign in right now than we can serve at once.",
    whatToDo: "Try again in a few seconds. Nothing is lost.",
  },
  provider_unavailable: PROVIDER_AWAY,
  provider_unconfirmed: PROVIDER_AWAY,
  provider_throttled: PROVIDER_AWAY,
  database_away: {
    status: 503,
    title: "One moment",
    message: "Our database does not answer right now.",
    whatToDo: "Try again in a few seconds. Nothing is lost.",
    retryAfterSeconds: 2,
  },
};

const NOT_TAKEN_HERE = {
  title: "Not possible here",
  message: "This address does not take such a request.",
  whatToDo: null,
};

/** Statuses that the libraries answer with, in our words. */
const BY_STATUS: Readonly<Record<number, Omit<Page, "status">>> = {
  404: {
    title: "Not found",
    message: "There is nothing at this address, or it is not yours to see.",
    whatToDo: "Check the address, or go to the start page.",
  },
  405: NOT_TAKEN_HERE,
  501: NOT_TAKEN_HERE,
};

const OTHER_REFUSAL = { title: "Not possible", message: "This request cannot be answered.", whatToDo: null };

const OUR_FAULT: Page = {
  status: 500,
  title: "This did not work",
  message: "The fault is ours and has been noted.",
  whatToDo: "Try again in a moment.",
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
      if (page.status >= 500) {
        const { requestId, log } = ctx.state;
        log.error({ requestId, path: ctx.path.slice(0, 200), ...errorFields(error) }, "request failed");
      }
      showPage(ctx, views, page);
    }
  };
}

function pageFor(status: number): Page {
  return { status, ...(BY_STATUS[status] ?? OTHER_REFUSAL) };
}

function pageOf(error: unknown): Page {
  if (error instanceof HttpRefusal) {
    const { status, title, text, whatToDo } = error;
    return { status, title, message: text, whatToDo };
  }
  if (error instanceof LoginError) {
    const { retryAfterSeconds } = error as { retryAfterSeconds?: number };
    const page = BY_CODE[error.code] ?? OUR_FAULT;
    return retryAfterSeconds === undefined ? page : { ...page, retryAfterSeconds };
  }
  const status = httpStatusOf(error);
  return status !== null && status < 500 ? pageFor(status) : OUR_FAULT;
}

function httpStatusOf(error: unknown): number | null {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && status >= 400 && status < 600 ? status : null;
}

/** Where the page leads: back to the request that waits, else to the start. */
function wayOn(ctx: Context): { home: string; homeLabel: string } {
  const waiting = /^\/(login|account)\/approval(?=\/)/.exec(ctx.path)?.[0];
  if (waiting !== undefined) return { home: waiting, homeLabel: "Back to the request" };
  return { home: ctx.state.subscriber === null ? "/" : "/account", homeLabel: "Go on from the start" };
}

function showPage(ctx: Context, views: Views, page: Page): void {
  ctx.status = page.status;
  if (page.retryAfterSeconds !== undefined) ctx.set("Retry-After", String(page.retryAfterSeconds));
  ctx.set("Cache-Control", "no-store");
  if (ctx.accepts("html", "json") === "json") {
    ctx.body = { error: page.title, message: page.message };
    return;
  }
  ctx.type = "html";
  ctx.body = views.render(ctx, "error", { ...page, ...wayOn(ctx) });
}
