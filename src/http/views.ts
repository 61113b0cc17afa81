import path from "node:path";
import nunjucks from "nunjucks";

import { assetsPath } from "./assets.js";
import { type Context, type Flash } from "./context.js";
import { takeFlashes } from "./middleware/carry-messages.js";
import { csrfToken } from "./middleware/visit.js";
import { projectRoot } from "./project-root.js";

/** Renders pages. */
export interface Views {
  render(ctx: Context, page: string, locals: Readonly<Record<string, unknown>>): string;
}

/** Templates escape everything, and refuse a value that was forgotten. */
export function nunjucksViews(appName: string, sessionKeys: readonly string[]): Views {
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(path.join(projectRoot(), "views")), {
    autoescape: true,
    throwOnUndefined: true,
  });
  return {
    render(ctx, page, locals) {
      // An error may strike before the session was read: then there is nobody and no message.
      const hasSession = "session" in ctx && ctx.state.visit !== "";
      const { formAgain } = ctx.state;
      const again = formAgain?.hasNoCookies === true ? "form-again.no-cookies" : "form-again.stale";
      const note: Flash[] = formAgain === undefined ? [] : [{ kind: "warning", text: ctx.state.text(again) }];
      return environment.render(`${page}.njk`, {
        page,
        appName,
        assets: assetsPath,
        csrf: csrfToken(ctx.state.visit, sessionKeys),
        signedInAs: ctx.state.subscriber?.username ?? null,
        flashes: [...note, ...(hasSession ? takeFlashes(ctx) : [])],
        ...locals,
      });
    },
  };
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
