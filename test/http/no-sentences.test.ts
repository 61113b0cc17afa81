import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { literalsIn } from "../kit/literals.js";

/** The help of metrics, lines of HTTP, and a label that is kept with the row of a session or push. */
const NOT_FROM_THE_CATALOGUE = new Set([
  "Time to answer, by route",
  "Open event streams",
  "Accounts that are to move over from Authy",
  "Sign-ins, by what was tried and how it went",
  "Requests to approve, by what came of sending",
  "Factors that were to be added, by result",
  "Passwords that wait to be judged",
  "How late the most overdue look at a pending request is",
  "Requests to approve that ended, by whom",
  "From a request to its answer",
  "Calls of providers, by what became of them",
  "From an answer to its callback",
  "Time that Authy took to answer, by route",
  "GET, HEAD, POST",
  'Bearer realm="countersign"',
  "HTTP/1.1 ${} OK",
  "Date: ${}",
  "A browser",
]);

describe("the words of pages", () => {
  it("come from the catalogue or a template: no text in src/http is a sentence, but for the log", () => {
    const sentences = literalsIn("src/http").filter(
      ({ text, isForLog }) => !isForLog && /^\p{Lu}.*\s\S/u.test(text) && !NOT_FROM_THE_CATALOGUE.has(text),
    );
    assert.deepEqual(sentences, []);
  });
});
