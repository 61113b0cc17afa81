import { readFileSync } from "node:fs";
import path from "node:path";
import { IntlMessageFormat } from "intl-messageformat";

import type english from "../../views/text/en.json";
import type { FieldProblems } from "../domain/errors.js";
import { type Language, localeOf } from "../domain/language.js";
import { browserWords } from "./browser-words.js";
import { projectRoot } from "./project-root.js";

/** The name of one sentence. */
export type TextKey = keyof typeof english;

/** One language's ICU messages by name. */
export type Catalogue = Readonly<Record<string, string>>;

/** What stands in a sentence's placeholders. */
export type TextValues = Readonly<Record<string, string | number>>;

/** One language's sentences. @throws when a placeholder has no value. */
export type Text = (key: TextKey, values?: TextValues) => string;

/** The languages of one program, with their words. */
export interface Texts {
  /** In the order in which they are offered; the first one is for whoever asks for none of them. */
  readonly languages: readonly Language[];
  /** Of a language that is not offered, or of none: the first one's. */
  of(language: Language | null): Text;
  /** A browser as rows keep it, "Firefox on Linux". */
  browser(language: Language, label: string): string;
  /** The messages of those names as they stand in the catalogue, for modules that fill them in by themselves. */
  patterns(language: Language, beginning: string): Record<string, string>;
}

/** Reads the catalogues of these languages. What a catalogue has not is said in English. */
export function loadTexts(
  languages: readonly [Language, ...Language[]],
  read: (language: Language) => Catalogue = readCatalogue,
): Texts {
  const english = read("en");
  const catalogues = new Map(languages.map((language) => [language, { ...english, ...read(language) }]));
  const texts = new Map(languages.map((language) => [language, textOf(language, catalogues.get(language) ?? english)]));
  const [first] = languages;
  const firstText = textOf(first, catalogues.get(first) ?? english);
  return {
    languages,
    of: (language) => (language === null ? undefined : texts.get(language)) ?? firstText,
    browser: (language, label) => browserWords(texts.get(language) ?? firstText, label),
    patterns: (language, beginning) =>
      Object.fromEntries(
        Object.entries(catalogues.get(language) ?? english)
          .filter(([key]) => key.startsWith(beginning))
          .map(([key, pattern]) => [key.slice(beginning.length), pattern]),
      ),
  };
}

/** Reads the catalogue `views/text/<language>.json`. */
export function readCatalogue(language: Language): Catalogue {
  const file = path.join(projectRoot(), "views", "text", `${language}.json`);
  return JSON.parse(readFileSync(file, "utf8")) as Catalogue;
}

/** One language's sentences; each is compiled when it is first said. */
export function textOf(language: Language, catalogue: Catalogue): Text {
  const compiled = new Map<string, IntlMessageFormat>();
  return (key, values = {}) => {
    const message = catalogue[key];
    if (message === undefined) throw new Error(`no message is called ${key}`);
    // Most have nothing to fill in, and need no compiling.
    if (!/[{']/.test(message)) return message;
    let format = compiled.get(key);
    if (format === undefined) {
      format = new IntlMessageFormat(message, localeOf(language), undefined, { ignoreTag: true });
      compiled.set(key, format);
    }
    return String(format.format(values));
  };
}

type PageNamed<K> = K extends `error-page.${infer Name}.title` ? Name : never;

/** The name of an error page: it has a title and a message that says what to do. */
export type ErrorPage = PageNamed<TextKey>;

type ProblemKey = {
  [F in keyof FieldProblems]-?: `${F}.${NonNullable<FieldProblems[F]>["code"]}`;
}[keyof FieldProblems];

/** The sentence for each field that the rules refused. */
export function fieldErrors(text: Text, problems: FieldProblems): Record<string, string> {
  const entries = Object.entries(problems) as [keyof FieldProblems, { code: string } & TextValues][];
  return Object.fromEntries(
    entries.map(([field, problem]) => [field, text(`${field}.${problem.code}` as ProblemKey, problem)]),
  );
}

/** How long to wait after too many wrong codes. */
export function waitText(text: Text, seconds: number): string {
  return seconds < 90
    ? text("code.wait-seconds", { seconds })
    : text("code.wait-minutes", { minutes: Math.ceil(seconds / 60) });
}
