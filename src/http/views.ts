import path from "node:path";
import nunjucks from "nunjucks";

import { assetsPath } from "./assets.js";
import type { Context, Flash, RequestState } from "./context.js";
import { takeFlashes } from "./middleware/carry-messages.js";
import { csrfToken } from "./middleware/visit.js";
import { projectRoot } from "./project-root.js";
import type { TextKey } from "./text.js";

/** Renders pages. */
export interface Views {
  render(ctx: Context, page: string, locals: Readonly<Record<string, unknown>>): string;
}

/**
 * Templates escape everything, and refuse a value that was forgotten.
 *
 * @param isPhoneAsked - Whether people can sign in here by a tap.
 * @param hasMail - Whether messages can be sent: without a mail server no page mentions them.
 */
export function nunjucksViews(
  appName: string,
  sessionKeys: readonly string[],
  isPhoneAsked = true,
  hasMail = false,
): Views {
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(path.join(projectRoot(), "views")), {
    autoescape: true,
    throwOnUndefined: true,
  });
  return {
    render(ctx, page, locals) {
      // An error may come before the session was read: then nobody is known to be signed in, and there are no messages.
      const hasSession = "session" in ctx && ctx.state.visit !== "";
      const flashes = hasSession ? takeFlashes(ctx) : [];
      const renderBelow = (notes: readonly Flash[]): string =>
        environment.render(`${page}.njk`, {
          page,
          appName,
          isPhoneAsked,
          hasMail,
          assets: assetsPath,
          csrf: csrfToken(ctx.state.visit, sessionKeys),
          signedInAs: ctx.state.subscriber?.username ?? null,
          flashes: [...notes, ...flashes],
          ...locals,
        });
      return ctx.state.formAgain === undefined
        ? renderBelow([])
        : renderFormAgain(ctx, ctx.state.formAgain, renderBelow);
    },
  };
}

/** The page with what is to be said about the refused form, which may no longer stand there: somebody signed in elsewhere. */
function renderFormAgain(
  { state: { text } }: Context,
  { action, hasNoCookies, hadSecret }: NonNullable<RequestState["formAgain"]>,
  renderBelow: (notes: readonly Flash[]) => string,
): string {
  const renderNote = (key: TextKey): string => renderBelow([{ kind: "warning", text: text(key) }]);
  if (hasNoCookies) return renderNote("form-again.no-cookies");
  const html = renderNote(hadSecret ? "form-again.type-secret" : "form-again.press");
  return html.includes(`action="${action}"`) ? html : renderNote("form-again.elsewhere");
}

/** Answers with a page. */
export function show(ctx: Context, page: string, locals: Readonly<Record<string, unknown>> = {}, status = 200): void {
  const body = ctx.state.views.render(ctx, page, locals);
  ctx.status = status;
  ctx.type = "html";
  ctx.body = body;
}

/** After an unsafe method: on to a page, which is fetched with GET. */
export function seeOther(ctx: Context, to: string): void {
  ctx.redirect(to);
  ctx.status = 303;
}
