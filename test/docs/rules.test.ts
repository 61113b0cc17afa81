import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

const ID = /\b(?:[A-Z]|PH)\d{1,2}\b/g;

/** A text that begins with an id and has a word. */
const NAME = /["`](?=[^"`]*[a-z]{2})(?:[A-Z]|PH)\d{1,2}[ ,:][^"`]*/g;

/** The ids of rules in names of tests: texts that begin with an id. */
const named = new Set(
  readdirSync("test", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
    .flatMap((name) => readFileSync(path.join("test", name), "utf8").match(NAME) ?? [])
    .flatMap((text) => text.match(ID) ?? []),
);

describe("docs/rules.md", () => {
  const explained = Array.from(
    readFileSync("docs/rules.md", "utf8").matchAll(/^- \*\*([A-Z]+\d+)\*\* \S/gm),
    ([, id = ""]) => id,
  );

  it("explains every rule that a test's name names", () => {
    assert.ok(named.size > 100, `only ${named.size} ids were found`);
    assert.deepEqual(
      [...named].filter((id) => !explained.includes(id)),
      [],
    );
  });

  it("explains no rule that no test names, but for two that the attacks prove", () => {
    assert.deepEqual(
      explained.filter((id) => !named.has(id)),
      ["A2", "T7"],
    );
  });

  it("explains each rule of a group once, under its group's letter", () => {
    let [group, letter] = ["", ""];
    const explainedIn = new Set<string>();
    for (const line of readFileSync("docs/rules.md", "utf8").split("\n")) {
      letter = /^## ([A-Z]+):/.exec(line)?.[1] ?? letter;
      group = /^## .+/.exec(line)?.[0] ?? group;
      const id = /^- \*\*([A-Z]+)\d+\*\*/.exec(line)?.[1];
      if (id === undefined) continue;
      assert.equal(id, letter, line);
      const rule = `${group} ${/\d+/.exec(line)?.[0] ?? ""}`;
      assert.ok(!explainedIn.has(rule), line);
      explainedIn.add(rule);
    }
  });
});
