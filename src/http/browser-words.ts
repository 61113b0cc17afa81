import type { Text } from "./text.js";

/** A browser as rows keep it, "Firefox on Linux", in the words of one language. */
export function browserWords(text: Text, label: string): string {
  const at = label.lastIndexOf(" on ");
  const browser = at < 0 ? label : label.slice(0, at);
  const named = browser === UNKNOWN_BROWSER ? text("browser.unknown") : browser;
  return at < 0 ? named : text("browser.on-system", { browser: named, system: label.slice(at + 4) });
}

/** What rows keep of a browser that tells no name. */
export const UNKNOWN_BROWSER = "A browser";
