import path from "node:path";
import nunjucks from "nunjucks";

import { directionOf, type Language, localeOf } from "../domain/language.js";
import { assetsPath } from "./assets.js";
import { browserWords } from "./browser-words.js";
import type { Context, Flash, RequestState } from "./context.js";
import { OWN_NAMES } from "./locale.js";
import { takeFlashes } from "./middleware/carry-messages.js";
import { csrfToken } from "./middleware/visit.js";
import { projectRoot } from "./project-root.js";
import { richText, type RichValues } from "./rich-text.js";
import type { TextKey, Texts, TextValues } from "./text.js";

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
  texts: Texts,
  isPhoneAsked = true,
  hasMail = false,
): Views {
  const environments = new Map<Language, nunjucks.Environment>();
  const environmentOf = (language: Language): nunjucks.Environment => {
    const environment = environments.get(language) ?? pageEnvironment(texts, language);
    environments.set(language, environment);
    return environment;
  };
  return {
    render(ctx, page, locals) {
      // An error may come before the session was read: then nobody is known to be signed in, and there are no messages.
      const hasSession = "session" in ctx && ctx.state.visit !== "";
      const flashes = hasSession ? takeFlashes(ctx) : [];
      const renderBelow = (notes: readonly Flash[]): string =>
        environmentOf(ctx.state.language).render(`${page}.njk`, {
          page,
          appName,
          isPhoneAsked,
          hasMail,
          assets: assetsPath,
          csrf: csrfToken(ctx.state.visit, sessionKeys),
          // Without a visit no form can come from this page, that of the choice of a language neither.
          here: ctx.state.visit === "" ? null : ctx.path + ctx.search,
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

/**
 * What all templates of one language share: their words, and how it writes times. For each language an environment of its
 * own, because macros see nothing of a page but what is the same for all.
 */
export function pageEnvironment(texts: Texts, language: Language): nunjucks.Environment {
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(path.join(projectRoot(), "views")), {
    autoescape: true,
    throwOnUndefined: true,
  });
  const text = texts.of(language);
  const utc = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" } as const;
  const clock = new Intl.DateTimeFormat(localeOf(language), utc);
  const moment = new Intl.DateTimeFormat(localeOf(language), {
    ...utc,
    ...({ day: "numeric", month: "short", year: "numeric" } as const),
  });
  const list = new Intl.ListFormat(localeOf(language));
  const shared = {
    language,
    direction: directionOf(language),
    languages: texts.languages.map((tag) => ({ tag, name: OWN_NAMES[tag] })),
    /** A sentence, with what stands in it. */
    t: (key: TextKey, values?: TextValues) => text(key, values),
    /** The same with marks and links in it. */
    rich: (key: TextKey, values: RichValues = {}) => richText(text, key, values, directionOf(language)),
    browserWords: (label: string) => browserWords(text, label),
    /** Sentences for the modules of a page, which fill them in by themselves. */
    words: (modules: readonly string[]) =>
      Object.assign({}, ...modules.map((name) => texts.patterns(language, `in-browser.${name}.`))) as object,
    /** Several of something, by one of their fields: "A, B and C". */
    listed: (all: readonly Readonly<Record<string, unknown>>[], field: string) =>
      list.format(all.map((one) => String(one[field]))),
    momentInUtc: (iso: string) => moment.format(new Date(iso)),
    clockInUtc: (iso: string) => clock.format(new Date(iso)),
  };
  for (const [name, value] of Object.entries(shared)) environment.addGlobal(name, value);
  return environment;
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
