import nunjucks from "nunjucks";

import type { Text, TextKey } from "./text.js";

/** HTML that needs no more escaping: what a macro made, for instance. */
interface Html {
  toString(): string;
}
const { SafeString } = nunjucks.runtime as unknown as { SafeString: new (html: string) => Html };

/** What stands in a sentence: a text, a number, or what a macro made. */
export type RichValues = Readonly<Record<string, string | number | Html>>;

/**
 * A sentence with marks in it. In the catalogue stand `<strong>`, `<nowrap>`, and for each link a mark with a name of its own:
 * "Look at <sessions>where you are signed in</sessions>."
 *
 * @param values - What stands in the placeholders, escaped here; for a link, where it leads.
 */
export function richText(text: Text, key: TextKey, values: RichValues, direction: "ltr" | "rtl"): object {
  const filled = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, filling(value, direction)]));
  const html = text(key, filled)
    .replace(/<nowrap>/g, '<span class="nowrap">')
    .replace(/<\/nowrap>/g, "</span>")
    .replace(/<(\/?)([a-z]+)>/g, (mark, slash: string, name: string) => {
      if (typeof values[name] !== "string") return mark;
      if (slash !== "") return "</a>";
      const rel = /^https?:/.test(values[name]) ? ' rel="noreferrer"' : "";
      return `<a href="${escaped(values[name])}"${rel}>`;
    });
  return new SafeString(html);
}

/**
 * What a macro made stays as it is. Between words from right to left a name, an address or a code needs a wall around it, or
 * its parts change places. Behind the wall its first letter says the direction, but for words of ours that begin with a name.
 */
function filling(value: string | number | Html, direction: "ltr" | "rtl"): string | number {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return value.toString();
  if (direction === "ltr") return escaped(value);
  return `<bdi${/\p{Script=Arabic}/u.test(value) ? ' dir="rtl"' : ""}>${escaped(value)}</bdi>`;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
