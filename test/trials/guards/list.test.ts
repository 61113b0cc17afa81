import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { GUARDS } from "./guards.js";

describe("the list of guards", () => {
  it("names texts that stand once in their files, and tests that exist", () => {
    for (const { what, file, find, tests } of GUARDS) {
      const times = existsSync(file) ? readFileSync(file, "utf8").split(find).length - 1 : 0;
      assert.equal(times, 1, `${what}: its text stands ${times} times in ${file}`);
      for (const each of tests) assert.ok(existsSync(each), `${what}: there is no ${each}`);
    }
  });
});
