import { readFileSync } from "node:fs";
import path from "node:path";

import type english from "../../views/text/en.json";
import type { FieldProblems } from "../domain/errors.js";
import { projectRoot } from "./project-root.js";

/** The name of one sentence. */
export type TextKey = keyof typeof english;

/** What stands in a sentence's placeholders. */
export type TextValues = Readonly<Record<string, string | number>>;

/** One language's sentences. @throws when a placeholder has no value. */
export type Text = (key: TextKey, values?: TextValues) => string;

/** Reads the catalogue `views/text/<language>.json`: ICU messages by name. */
export function loadText(language: "en"): Text {
  const file = path.join(projectRoot(), "views", "text", `${language}.json`);
  const messages = JSON.parse(readFileSync(file, "utf8")) as typeof english;
  return (key, values = {}) => format(messages[key], values);
}

/**
 * Fills in an ICU message. Only what English needs so far: `{name}`, and `{count, plural, one {# try} other {# tries}}`.
 */
export function format(message: string, values: TextValues): string {
  const valueOf = (name: string): string => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for {${name}} in "${message}"`);
    return String(value);
  };
  return message
    .replace(/\{(\w+), plural, one \{([^{}]*)\} other \{([^{}]*)\}\}/g, (_, name: string, one: string, other: string) =>
      (valueOf(name) === "1" ? one : other).replace("#", valueOf(name)),
    )
    .replace(/\{(\w+)\}/g, (_, name: string) => valueOf(name));
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
