import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { catalogueProblems } from "../../scripts/text/problems.js";
import { readCatalogue } from "../../src/http/text.js";

/** The problems after one German message was changed. */
function problemsWith(change: Record<string, string | undefined>): string[] {
  return catalogueProblems((language) => {
    const catalogue = readCatalogue(language);
    if (language !== "de") return catalogue;
    return Object.fromEntries(
      Object.entries({ ...catalogue, ...change }).flatMap(([name, message]) =>
        message === undefined ? [] : [[name, message]],
      ),
    );
  });
}

describe("the catalogues", () => {
  it("L1 languages: have every message with the same arguments, marks and all plurals, as npm run text says", () => {
    assert.deepEqual(catalogueProblems(), []);
  });

  it("L1 languages: are told what one of them lacks, has too much of, or has wrong", () => {
    assert.deepEqual(problemsWith({ "login.title": undefined }), ["de: login.title is missing"]);
    assert.deepEqual(problemsWith({ "login.titel": "Anmelden" }), ["de: login.titel is in no other catalogue"]);
    assert.deepEqual(problemsWith({ "mail.greeting": "Guten Tag {name}," }), [
      "de: mail.greeting has {name} in place of {username}",
    ]);
    assert.deepEqual(problemsWith({ "login.new-here": "Neu hier? <a>Konto anlegen</a>" }), [
      "de: login.new-here has the marks </a> <a> in place of </register> <register>",
    ]);
    assert.deepEqual(problemsWith({ "flash.signed-out-elsewhere": "{places, plural, other {# Orte}}" }), [
      'de: flash.signed-out-elsewhere has no plural of the kind "one"',
    ]);
    assert.match(problemsWith({ "mail.greeting": "Guten Tag {username" }).join(), /de: mail\.greeting cannot be read/);
  });
});
