import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { literalsIn } from "../kit/literals.js";

/** Texts with a blank that are no sentence: kinds of proof as the history keeps them, and what is hashed with a secret. */
const NOT_FOR_PEOPLE = new Set(["app code", "recovery code", "match ${} ${}", "recovery ${}", "${}-${}"]);

describe("the rules' words", () => {
  it("are codes and values: no text in src/domain is a sentence, but for the log", () => {
    const sentences = literalsIn("src/domain").filter(
      ({ text, isForLog }) => !isForLog && /\p{L}.*\s|\s.*\p{L}/u.test(text.trim()) && !NOT_FOR_PEOPLE.has(text),
    );
    assert.deepEqual(sentences, []);
  });
});
