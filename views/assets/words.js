/** The words of this page's modules, in its language: they stand in the page, under the names of the catalogue. */
const words = /** @type {Record<string, string>} */ (JSON.parse(document.body.dataset["words"] ?? "{}"));
const plurals = new Intl.PluralRules(document.documentElement.lang);

/**
 * A sentence with what stands in it: `{name}`, and `{count, plural, one {# try} other {# tries}}`.
 *
 * @param {string} name - without what the page's template has said already: "offline" for `in-browser.waiting.offline`.
 * @param {Readonly<Record<string, string | number>>} [values]
 */
export function word(name, values = {}) {
  return (words[name] ?? "")
    .replace(/\{(\w+), plural,((?: \w+ \{[^{}]*\})+)\}/g, (_, slot, /** @type {string} */ choices) => {
      const wanted = plurals.select(Number(values[slot]));
      const all = [...choices.matchAll(/(\w+) \{([^{}]*)\}/g)];
      const [, , chosen = ""] = all.find(([, kind]) => kind === wanted) ?? all.at(-1) ?? [];
      return chosen.replace("#", String(values[slot]));
    })
    .replace(/\{(\w+)\}/g, (_, slot) => String(values[slot]));
}
