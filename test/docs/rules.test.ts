import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { literalsIn } from "../kit/literals.js";

const ID = /\b(?:[A-Z]|PH)\d{1,2}\b/g;

/** The ids of rules in names of tests: texts that begin with an id. */
function idsInTestNames(): Set<string> {
  const names = literalsIn("test").filter(({ text }) => /^(?:[A-Z]|PH)\d{1,2}[ ,:]/.test(text));
  return new Set(names.flatMap(({ text }) => text.match(ID) ?? []));
}

describe("docs/rules.md", () => {
  const explained = Array.from(
    readFileSync("docs/rules.md", "utf8").matchAll(/^- \*\*([A-Z]+\d+)\*\* \S/gm),
    ([, id]) => id,
  );

  it("explains every rule that a test's name names", () => {
    const known = new Set(explained);
    const named = [...idsInTestNames()];
    assert.ok(named.length > 100, `only ${named.length} ids were found`);
    assert.deepEqual(
      named.filter((id) => !known.has(id)),
      [],
    );
  });

  it("explains no rule that no test names, but for two that the attacks prove", () => {
    const named = idsInTestNames();
    assert.deepEqual(
      explained.filter((id = "") => !named.has(id)),
      ["A2", "T7"],
    );
  });

  it("explains each rule once, under its group's letter", () => {
    assert.equal(new Set(explained).size, explained.length);
    let letter = "";
    for (const line of readFileSync("docs/rules.md", "utf8").split("\n")) {
      letter = /^## ([A-Z]+):/.exec(line)?.[1] ?? letter;
      const id = /^- \*\*([A-Z]+)\d+\*\*/.exec(line)?.[1];
      if (id !== undefined) assert.equal(id, letter, line);
    }
  });
});
