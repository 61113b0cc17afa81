import { errorFields } from "../../domain/error-fields.js";
import { LoginError } from "../../domain/errors.js";
import type { Context, Middleware } from "../context.js";
import { HttpRefusal } from "../refusal.js";
import type { ErrorPage, TextValues } from "../text.js";
import { show } from "../views.js";

interface Answer {
  readonly status: number;
  readonly page: ErrorPage;
  readonly values?: TextValues;
  readonly retryAfterSeconds?: number;
}

const PROVIDER_AWAY: Answer = { status: 503, page: "provider-away", retryAfterSeconds: 5 };

/** The page for each of the rules' own errors, by `code`. A time to wait that the error itself names takes precedence. */
const BY_CODE: Readonly<Record<string, Answer>> = {
  too_many: { status: 429, page: "too-many" },
  busy: { status: 503, page: "busy" },
  provider_unavailable: PROVIDER_AWAY,
  provider_unconfirmed: PROVIDER_AWAY,
  provider_throttled: PROVIDER_AWAY,
  database_away: { status: 503, page: "database-away", retryAfterSeconds: 2 },
};

/** The page for each status that the libraries answer with. */
const BY_STATUS: Readonly<Record<number, ErrorPage>> = {
  404: "not-found",
  405: "wrong-method",
  501: "wrong-method",
};

const OUR_FAULT: Answer = { status: 500, page: "our-fault" };

/**
 * Answers every failure below by itself. Koa's own handler would drop cookies and security headers; and an error page
 * tells nobody what went wrong inside.
 */
export function mapErrors(): Middleware {
  return async function mapError(ctx, next) {
    try {
      await next();
      if (ctx.respond !== false && ctx.status >= 400 && ctx.body == null) showPage(ctx, answerTo(ctx.status));
    } catch (error) {
      if (ctx.res.headersSent) throw error;
      const answer = answerOf(error);
      if (answer.status >= 500) {
        const { requestId, log } = ctx.state;
        log.error({ requestId, path: ctx.path.slice(0, 200), ...errorFields(error) }, "request failed");
      }
      showPage(ctx, answer);
    }
  };
}

function answerTo(status: number): Answer {
  return { status, page: BY_STATUS[status] ?? "other" };
}

function answerOf(error: unknown): Answer {
  if (error instanceof HttpRefusal) return error;
  if (error instanceof LoginError) {
    const { retryAfterSeconds } = error as { retryAfterSeconds?: number };
    const answer = BY_CODE[error.code] ?? OUR_FAULT;
    return retryAfterSeconds === undefined ? answer : { ...answer, retryAfterSeconds };
  }
  const status = httpStatusOf(error);
  return status !== null && status < 500 ? answerTo(status) : OUR_FAULT;
}

function httpStatusOf(error: unknown): number | null {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && status >= 400 && status < 600 ? status : null;
}

/** Says where the error pages of the routes behind it lead: to the page where a request waits. */
export function leadsBackTo(waitingPage: string): Middleware {
  return async function noteWhereErrorsLead(ctx, next) {
    if (ctx.path !== waitingPage) ctx.state.backTo = waitingPage;
    await next();
  };
}

function wayOn({ state }: Context): { home: string; homeLabel: string } {
  if (state.backTo !== null) return { home: state.backTo, homeLabel: state.text("way-on.request") };
  return { home: state.subscriber === null ? "/" : "/account", homeLabel: state.text("way-on.start") };
}

function showPage(ctx: Context, { status, page, values, retryAfterSeconds }: Answer): void {
  const title = ctx.state.text(`error-page.${page}.title`);
  const message = ctx.state.text(`error-page.${page}.message`, values);
  if (retryAfterSeconds !== undefined) ctx.set("Retry-After", String(retryAfterSeconds));
  ctx.set("Cache-Control", "no-store");
  if (ctx.accepts("html", "json") === "json") {
    ctx.status = status;
    ctx.body = { error: title, message };
    return;
  }
  show(ctx, "error", { status, title, message, retryAfterSeconds, ...wayOn(ctx) }, status);
}
