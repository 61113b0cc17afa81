import { IntlMessageFormat } from "intl-messageformat";

import { LANGUAGES, type Language, localeOf } from "../../src/domain/language.js";
import { type Catalogue, readCatalogue } from "../../src/http/text.js";

type Part = ReturnType<IntlMessageFormat["getAst"]>[number];

/** What no counted thing here exceeds by far; a language may have a category for millions. */
const MOST_COUNTED = 200;

/** What is wrong with the catalogues beside the English one, which is what the sources are compiled with: a line for each. */
export function catalogueProblems(read: (language: Language) => Catalogue = readCatalogue): string[] {
  const english = read("en");
  return LANGUAGES.flatMap((language) => {
    const catalogue = read(language);
    return [
      ...Object.keys(english)
        .filter((name) => catalogue[name] === undefined)
        .map((name) => `${language}: ${name} is missing`),
      ...Object.entries(catalogue).flatMap(([name, message]) =>
        problemsOf(language, message, english[name]).map((problem) => `${language}: ${name} ${problem}`),
      ),
    ];
  });
}

function problemsOf(language: Language, message: string, english: string | undefined): string[] {
  if (english === undefined) return ["is in no other catalogue"];
  let parts: Part[];
  try {
    parts = partsOf(language, message);
  } catch (error) {
    return [`cannot be read: ${String(error)}`];
  }
  const problems: string[] = [];
  const [wanted, has] = [slotsOf(partsOf("en", english)), slotsOf(parts)];
  if (wanted.join() !== has.join()) problems.push(`has {${has.join("} {")}} in place of {${wanted.join("} {")}}`);
  const [marks, hasMarks] = [marksIn(english), marksIn(message)];
  if (marks !== hasMarks) problems.push(`has the marks ${hasMarks || "none"} in place of ${marks || "none"}`);
  return [...problems, ...missingPlurals(language, parts)];
}

function partsOf(language: Language, message: string): Part[] {
  return new IntlMessageFormat(message, localeOf(language), undefined, { ignoreTag: true }).getAst();
}

/** The names of what a message fills in, each once. */
function slotsOf(parts: readonly Part[]): string[] {
  const names = parts.flatMap((part) => {
    if (!("options" in part)) return "value" in part && (part.type as number) !== LITERAL ? [part.value] : [];
    return [part.value, ...Object.values(part.options).flatMap(({ value }) => slotsOf(value))];
  });
  return [...new Set(names)].sort();
}

const LITERAL = 0;

function marksIn(message: string): string {
  return (message.match(/<\/?[^<>]*>/g) ?? []).sort().join(" ");
}

function missingPlurals(language: Language, parts: readonly Part[]): string[] {
  const rules = new Intl.PluralRules(localeOf(language));
  const categories = new Set(Array.from({ length: MOST_COUNTED + 1 }, (_, count) => rules.select(count)));
  return parts.flatMap((part) =>
    !("pluralType" in part)
      ? []
      : [...categories].filter((each) => !(each in part.options)).map((each) => `has no plural of the kind "${each}"`),
  );
}
