import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { type HTMLElement, parse } from "node-html-parser";

import { LANGUAGES } from "../../../src/domain/language.js";
import { PSEUDO } from "../../kit/pseudo-language.js";
import { renderState } from "./state-server.js";
import { PAGE_STATES } from "./states.js";

/** A word of two plain letters or more. */
const PLAIN_WORD = /(?<![\p{L}\d])[A-Za-z]{2,}(?![\p{L}\d])/gu;
/** What every language says so, and how `Intl` joins a list in a language that it does not know. */
const EVERYWHERE = new Set(["UTC", "English", "Deutsch", "and"]);
/** Attributes that people read or hear. */
const READ = [
  "alt",
  "aria-label",
  "title",
  "placeholder",
  "data-busy",
  "data-label",
  "data-hide",
  "data-done",
  "data-failed",
];

/** Every text in what a route hands to a template, however deep. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** What a page says, to eyes and ears. */
function saidBy(html: HTMLElement): string[] {
  for (const hidden of html.querySelectorAll("script, style, code, time")) hidden.remove();
  const attributes = html
    .querySelectorAll("*")
    .flatMap((element) => READ.flatMap((name) => element.getAttribute(name) ?? []));
  const words = JSON.parse(html.querySelector("body")?.getAttribute("data-words") ?? "{}") as Record<string, string>;
  const inBrowser = Object.values(words).map((text) => text.replace(/\{\w+(?:, plural,)?|\b\w+ \{/g, " "));
  return [(html.querySelector("html")?.text ?? "").replace(/<[^>]*>/g, " "), ...attributes, ...inBrowser];
}

describe("languages: every state of every page", () => {
  it("L2 languages: says nothing in plain English in the pseudo-language", () => {
    for (const { name, locals } of PAGE_STATES) {
      // "Firefox on Linux" comes in two parts.
      const given = textsIn(locals)
        .flatMap((text) => [text, ...text.split(" on ")])
        .sort((one, other) => other.length - one.length);
      const english = saidBy(parse(renderState(name, {}, PSEUDO))).flatMap((text) => {
        const rest = given.reduce((left, value) => (value.length < 2 ? left : left.replaceAll(value, " ")), text);
        return rest.match(PLAIN_WORD) ?? [];
      });
      assert.deepEqual(
        english.filter((word) => !EVERYWHERE.has(word)),
        [],
        name,
      );
    }
  });

  it("L3 languages: is written from right to left in Arabic, with names, addresses, codes and times apart", () => {
    for (const { name } of PAGE_STATES) {
      const html = parse(renderState(name, {}, "ar"));
      assert.equal(html.querySelector("html")?.getAttribute("dir"), "rtl", name);
      for (const time of html.querySelectorAll("time")) assert.ok(time.getAttribute("dir"), name);
      for (const code of html.querySelectorAll("code"))
        assert.ok(code.closest("[dir=ltr]"), `${name}: a code without a direction`);
      // Words of ours that begin with a name, "Firefox on Linux", are read from right to left.
      for (const wall of html.querySelectorAll("bdi").filter(({ text }) => /^[A-Za-z].*\p{Script=Arabic}/u.test(text)))
        assert.equal(wall.getAttribute("dir"), "rtl", `${name}: ${wall.text}`);
      // What the person reads as a name or an address stands alone in its element.
      const walled = html.querySelectorAll("bdi").map(({ text }) => text);
      for (const wanted of ["203.0.113.9", "maria@example.com"])
        if (html.querySelector("main")?.text.includes(wanted) === true)
          assert.ok(
            walled.some((text) => text.includes(wanted)),
            `${name}: ${wanted} is not apart`,
          );
    }
  });

  it("L3 languages: mirrors by its style sheet, which names no left and no right", () => {
    const physical = /(?:^|[\s;{-])(?:left|right)\s*:|-(?:left|right)(?:-\w+)?\s*:|:\s*(?:left|right)\s*;/gm;
    assert.deepEqual(readFileSync("views/assets/site.css", "utf8").match(physical) ?? [], []);
  });

  it("L6 languages: weighs at most 2 KB more than its words in English did, in every language", () => {
    // The words of modules stood in the modules before.
    const bytesOf = (html: string): number => Buffer.byteLength(html.replace(/ data-words="[^"]*"/, ""));
    for (const { name } of PAGE_STATES) {
      const before = bytesOf(renderState(name).replace(/<footer[^]*<\/footer>/, ""));
      for (const language of LANGUAGES) {
        const more = bytesOf(renderState(name, {}, language)) - before;
        assert.ok(more <= 2048, `${name} in ${language}: ${more} bytes more`);
        const sent = Buffer.byteLength(renderState(name, {}, language)) - Buffer.byteLength(renderState(name));
        assert.ok(sent <= 2048, `${name} in ${language}, with the words of its modules: ${sent} bytes more`);
      }
    }
  });

  it("L7 languages: shows times in UTC, and says so, where no script makes them the browser's", () => {
    for (const language of LANGUAGES)
      for (const { name } of PAGE_STATES)
        for (const [, text = ""] of renderState(name, {}, language).matchAll(/<time [^>]*>([^<]*)</g))
          assert.match(text, /\d\d:\d\d UTC$/, `${name} in ${language}`);
  });
});
