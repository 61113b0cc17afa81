import { IntlMessageFormat } from "intl-messageformat";

import { LANGUAGES, type Language } from "../../src/domain/language.js";
import { loadTexts, readCatalogue, type Texts } from "../../src/http/text.js";

/** English with accents and more letters: whatever a page shows in plain letters does not come from a catalogue. */
export const PSEUDO = "en-XA" as Language;

type Part = ReturnType<IntlMessageFormat["getAst"]>[number];

const PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ACCENTED = Array.from("áƀčďéƒǧĥíĵķľɱñóƥʠřšťúṽŵẋýžÁƁČĎÉƑǦĤÍĴĶĽṀÑÓƤɊŘŠŤÚṼŴẊÝŽ");

/** The words of every language that ships, and of the pseudo-language. */
export function textsWithPseudo(): Texts {
  const [first, ...others] = LANGUAGES;
  const texts = loadTexts([first, ...others, PSEUDO], (language) => {
    if (language !== PSEUDO) return readCatalogue(language);
    return Object.fromEntries(
      Object.entries(readCatalogue("en")).map(([name, message]) => [name, pseudoMessage(message)]),
    );
  });
  return { ...texts, languages: LANGUAGES }; // nobody can choose it
}

/** A message with accents and four letters where there were three; what is filled in, and marks, stay. */
export function pseudoMessage(message: string): string {
  return written(new IntlMessageFormat(message, "en", undefined, { ignoreTag: true }).getAst());
}

function written(parts: readonly Part[]): string {
  return parts
    .map((part) => {
      if ("options" in part) {
        const choices = Object.entries(part.options).map(([kind, { value }]) => ` ${kind} {${written(value)}}`);
        return `{${part.value}, plural,${choices.join("")}}`;
      }
      if (!("value" in part)) return "#";
      return (part.type as number) === 0 ? accented(part.value) : `{${part.value}}`;
    })
    .join("");
}

function accented(text: string): string {
  return text
    .split(/(<[^>]*>)/)
    .map((piece) =>
      piece.startsWith("<")
        ? piece
        : Array.from(piece, (letter, at) => {
            const other = ACCENTED[PLAIN.indexOf(letter)] ?? letter;
            return at % 3 === 2 && other !== letter ? other + other.toLowerCase() : other;
          }).join(""),
    )
    .join("");
}
