import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "node-html-parser";

import { directionOf, LANGUAGES } from "../../src/domain/language.js";
import { LINKS, type MailKind } from "../../src/domain/mail.js";
import { PSEUDO } from "../kit/pseudo-language.js";
import { everyMessage } from "./every-message.js";

const LINK = /^https:\/\/login\.example\.com\/\S+$/;
/** What every language says so: names, addresses, and how `Intl` calls a zone or a month in a language that it does not know. */
const PLAIN = /Acme|greta\.garbo|Firefox|Linux|Samsung Internet|Chrome OS|CET|GMT|November|December|\bat\b|https:\S+/g;

describe("every kind of message, in every language", () => {
  it("is text in 76 columns, in which nothing but the link is longer", () => {
    for (const language of LANGUAGES)
      for (const { name, text } of everyMessage(language))
        for (const line of text.split("\n"))
          assert.ok(line.length <= 76 || LINK.test(line), `${name} in ${language}: ${line}`);
  });

  it("says the same as text and as HTML, with no link but its own and no picture", () => {
    for (const language of LANGUAGES)
      for (const { name, text, html } of everyMessage(language)) {
        const page = parse(html);
        const [root, said] = [page.querySelector("html"), page.querySelector("main")?.text ?? ""];
        assert.equal(root?.getAttribute("lang"), language, name);
        assert.equal(root.getAttribute("dir"), directionOf(language), name);
        const words = (whole: string) => whole.replace(/[\s:]+/g, "");
        const missing = text.split("\n").filter((line) => line.trim() !== "--" && !words(said).includes(words(line)));
        assert.deepEqual(missing, [], `${name} in ${language}`);
        const links = page.querySelectorAll("a").map((link) => link.getAttribute("href"));
        const own = text.split("\n").filter((line) => LINK.test(line));
        assert.deepEqual(links, own, name);
        assert.equal(own.length, LINKS[name.split(/[ ,]/)[0] as MailKind] === null ? 0 : 1, name);
        assert.doesNotMatch(html, /<img|url\(|<script|src=/i, name);
      }
  });

  it("L2 languages: says nothing in plain English in the pseudo-language", () => {
    for (const { name, subject, text } of everyMessage(PSEUDO))
      assert.deepEqual(
        `${subject}\n${text}`.replace(PLAIN, " ").match(/(?<![\p{L}\d])[A-Za-z]{2,}(?![\p{L}\d])/gu) ?? [],
        [],
        name,
      );
  });

  it("L3 languages: sets names and addresses apart from the direction of Arabic, and from nothing else", () => {
    for (const { name, text, subject } of everyMessage("ar")) {
      for (const line of text.split("\n").filter((each) => !LINK.test(each)))
        for (const value of line.match(/greta\.garbo|Acme|203\.0\.113\.9|https:[\w./]+/g) ?? [])
          assert.ok(line.includes(`\u2068${value}\u2069`), `${name}: ${line}`);
      // Words of ours that begin with a name: "Firefox on Linux" is read from right to left.
      assert.doesNotMatch(text, /\u2068[^\u2069]*\p{Script=Arabic}/u, name);
      assert.doesNotMatch(subject, /[\u2066-\u2069]/, name);
    }
    for (const { text } of everyMessage("de")) assert.doesNotMatch(text, /\u2068/);
  });
});
