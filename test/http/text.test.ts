import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { fieldErrors, format, loadText } from "../../src/http/text.js";
import { literalsIn } from "../kit/literals.js";

describe("the words of a language", () => {
  it("fills in names and counts as ICU messages do, and refuses a value that was forgotten", () => {
    assert.equal(format("{a} and {b}", { a: "{b}", b: 2 }), "{b} and 2");
    const tries = "{left, plural, one {# try} other {# tries}} left.";
    assert.deepEqual(
      [1, 4].map((left) => format(tries, { left })),
      ["1 try left.", "4 tries left."],
    );
    assert.throws(() => format("{a}", {}), /no value for \{a\}/);
  });

  it("has a sentence for a field's problem, with its values", () => {
    assert.deepEqual(
      fieldErrors(loadText("en"), { password: { code: "too-short", min: 15 }, username: { code: "taken" } }),
      {
        password: "Use at least 15 characters. A few words in a row are easy to remember.",
        username: "This username is taken. Choose another one.",
      },
    );
  });

  // That every key used exists is the compiler's business: the catalogue's keys are a type.
  it("has no sentence that nothing uses", () => {
    const texts = ["src/domain", "src/http", "src/mail"].flatMap(literalsIn).map(({ text }) => text);
    const codes = new Set(texts);
    // `error-page.${page}.title` and its like: what stands for a placeholder must be a text of the sources itself.
    const families = [...codes]
      .filter((text) => /^[\w.-]*\$\{\}\.?[\w.$\{\}-]*$/.test(text) && text.includes("."))
      .map((text) => new RegExp(`^${text.replaceAll(".", "\\.").replaceAll("${}", "(.+)")}$`));
    const keys = Object.keys(JSON.parse(readFileSync("views/text/en.json", "utf8")) as object);
    const unused = keys.filter(
      (key) =>
        !codes.has(key) &&
        !families.some((family) => {
          const [, ...filled] = family.exec(key) ?? [];
          return filled.length > 0 && filled.every((code) => codes.has(code));
        }),
    );
    assert.deepEqual(unused, []);
  });
});
