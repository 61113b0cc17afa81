import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { type FieldProblems } from "../../src/domain/errors.js";
import { fieldErrors, format, loadText } from "../../src/http/text.js";
import { literalsIn } from "../kit/literals.js";

const FIELDS: readonly (keyof FieldProblems)[] = ["username", "email", "password", "current_password"];

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
    const rules = literalsIn("src/domain").map(({ text }) => text);
    const pages = literalsIn("src/http").map(({ text }) => text);
    const codes = new Set([...rules, ...pages]);
    const families = new Set([
      ...FIELDS,
      ...pages.filter((text) => text.endsWith(".${}")).map((text) => text.slice(0, -4)),
    ]);
    const keys = Object.keys(JSON.parse(readFileSync("views/text/en.json", "utf8")) as object);
    const unused = keys.filter((key) => {
      const dot = key.lastIndexOf(".");
      return !codes.has(key) && !(families.has(key.slice(0, dot)) && codes.has(key.slice(dot + 1)));
    });
    assert.deepEqual(unused, []);
  });
});
