import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import { fieldErrors, loadTexts, readCatalogue, textOf } from "../../src/http/text.js";
import { literalsIn } from "../kit/literals.js";

const KEYS = Object.keys(readCatalogue("en"));

/** Every text in the templates that may be the name of a sentence; one that is completed there as `name.${}`. */
function namesInTemplates(): string[] {
  const files = readdirSync("views", { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => name.endsWith(".njk"))
    .flatMap((name) => {
      const found = readFileSync(path.join("views", name), "utf8").matchAll(/"([a-z][\w-]*\.[\w.-]*)"( ~)?/g);
      return Array.from(found, ([, text = "", isBegun]) => (isBegun === undefined ? text : `${text}\${}`));
    });
}

/** Every text in the browser's modules: the name of one of their sentences is a text alone. */
function textsInModules(): string[] {
  return readdirSync("views/assets")
    .filter((name) => name.endsWith(".js"))
    .flatMap((name) => {
      const found = readFileSync(path.join("views/assets", name), "utf8").matchAll(/"([a-z][\w-]*)"/g);
      return Array.from(found, ([, text = ""]) => `in-browser.${text}`);
    });
}

describe("the words of a language", () => {
  it("fills in names and counts as ICU messages do, and refuses a value that was forgotten", () => {
    const catalogue = { both: "{a} and {b}", tries: "{left, plural, one {# try} other {# tries}} left.", one: "{a}" };
    const text = textOf("en", catalogue) as (key: string, values?: Record<string, string | number>) => string;
    assert.equal(text("both", { a: "{b}", b: 2 }), "{b} and 2");
    assert.deepEqual(
      [1, 4].map((left) => text("tries", { left })),
      ["1 try left.", "4 tries left."],
    );
    assert.throws(() => text("one"), /"a" was not provided/);
  });

  it("has a sentence for a field's problem, with its values", () => {
    assert.deepEqual(
      fieldErrors(loadTexts(["en"]).of("en"), {
        password: { code: "too-short", min: 15 },
        username: { code: "taken" },
      }),
      {
        password: "Use at least 15 characters. A few words in a row are easy to remember.",
        username: "This username is taken. Choose another one.",
      },
    );
  });

  it("has every sentence that a template asks for", () => {
    const asked = readdirSync("views", { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".njk"))
      .flatMap((name) => {
        const calls = readFileSync(path.join("views", name), "utf8").matchAll(/\b(?:t|rich)\("([^"]+)"( ~)?/g);
        return Array.from(calls, ([, key = "", isBegun]) => ({ name, key, isBegun: isBegun !== undefined }));
      });
    const missing = asked.filter(({ key, isBegun }) =>
      isBegun ? !KEYS.some((each) => each.startsWith(key)) : !KEYS.includes(key),
    );
    assert.deepEqual(missing, []);
  });

  // That every key used in the sources exists is the compiler's business: the catalogue's keys are a type.
  it("has no sentence that nothing uses", () => {
    const texts = ["src/domain", "src/http", "src/mail"].flatMap(literalsIn).map(({ text }) => text);
    const names = namesInTemplates();
    const inModules = new Set(textsInModules());
    const codes = new Set([...texts, ...names]);
    // `error-page.${page}.title` and its like: what stands for a placeholder must be a text of the sources itself.
    const families = [...codes]
      .filter((text) => /^[\w.-]*\$\{\}\.?[\w.$\{\}-]*$/.test(text) && text.includes("."))
      .map((text) => new RegExp(`^${text.replaceAll(".", "\\.").replaceAll("${}", "(.+)")}$`));
    const begun = names.filter((name) => name.endsWith("${}")).map((name) => name.slice(0, -"${}".length));
    const unused = KEYS.filter(
      (key) =>
        !codes.has(key) &&
        !begun.some((beginning) => key.startsWith(beginning)) &&
        !inModules.has(key.replace(/^in-browser\.[^.]+/, "in-browser")) &&
        !families.some((family) => {
          const [, ...filled] = family.exec(key) ?? [];
          return filled.length > 0 && filled.every((code) => codes.has(code));
        }),
    );
    assert.deepEqual(unused, []);
  });
});
