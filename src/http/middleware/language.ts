import type { Language } from "../../domain/language.js";
import type { Context, Middleware } from "../context.js";
import { readCookie, setCookie } from "../cookies.js";
import { acceptedLanguage } from "../locale.js";
import type { Texts } from "../text.js";

/** Cookies of a year: who chose a language wants it tomorrow, too. */
const FOR_MS = 365 * 86_400_000;

/** From now on this request is answered in that language, or in the first one where it is not offered. */
export function speak(ctx: Context, texts: Texts, language: Language | null): void {
  const spoken = texts.languages.find((each) => each === language) ?? texts.languages[0];
  if (spoken === undefined) return;
  Object.assign(ctx.state, { language: spoken, text: texts.of(spoken) });
}

/**
 * Answers in the language that the person chose in this browser, else in one that the browser asks for. Whose account has a
 * language gets that one, as soon as it is known who is signed in.
 */
export function readLanguage(texts: Texts): Middleware {
  return async function speakReadersLanguage(ctx, next) {
    const chosen = texts.languages.find((each) => each === readCookie(ctx, "language"));
    speak(ctx, texts, chosen ?? acceptedLanguage(ctx.get("Accept-Language"), texts.languages));
    await next();
  };
}

/** Speaks the language of the account that is signed in. */
export function readAccountsLanguage(texts: Texts): Middleware {
  return async function speakAccountsLanguage(ctx, next) {
    const language = texts.languages.find((each) => each === ctx.state.subscriber?.language);
    if (language !== undefined) speak(ctx, texts, language);
    await next();
  };
}

/** Keeps the choice in the browser. */
export function giveLanguage(ctx: Context, language: Language): void {
  setCookie(ctx, "language", language, FOR_MS);
}
