import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ON_SIGN_IN } from "./attacks.js";
import { ensureBuilt } from "../../kit/built.js";

ensureBuilt();

describe("the attacks, in their short form", { concurrency: 2 }, () => {
  for (const attack of ON_SIGN_IN)
    it(`${attack.short} ${attack.what}`, async () => {
      const outcome = await attack.run(attack.short, () => undefined);
      assert.equal(outcome.isKept, true, `${outcome.seen}; allowed: ${outcome.allowed}`);
    });
});
