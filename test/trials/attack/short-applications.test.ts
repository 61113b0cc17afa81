import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ensureBuilt } from "../../kit/built.js";
import { ON_APPLICATIONS } from "./attacks.js";

ensureBuilt();

describe("the attacks on other applications' sign-in, in their short form", () => {
  for (const attack of ON_APPLICATIONS)
    it(`R53 R55 ${attack.short} ${attack.what}`, async () => {
      const outcome = await attack.run(attack.short, () => undefined);
      assert.equal(outcome.isKept, true, `${outcome.seen}; allowed: ${outcome.allowed}`);
    });
});
