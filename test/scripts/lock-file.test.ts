import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { missingFromLock } from "../../scripts/test/lock-file.js";

describe("checking the lock file", () => {
  it("finds optional packages beside, above and below the one that wants them", () => {
    const wanting = { optionalDependencies: { native: "1.0.0" } };
    assert.deepEqual(missingFromLock({ "node_modules/a": wanting, "node_modules/native": {} }), []);
    assert.deepEqual(missingFromLock({ "node_modules/a": wanting, "node_modules/a/node_modules/native": {} }), []);
    const deep = { "node_modules/a/node_modules/b": wanting, "node_modules/a/node_modules/native": {} };
    assert.deepEqual(missingFromLock(deep), []);
  });

  it("names what is missing and who wants it", () => {
    const packages = {
      "": { optionalDependencies: { gone: "1.0.0" } },
      "node_modules/@scope/a": { optionalDependencies: { "@scope/native": "2.0.0" } },
      "node_modules/b/node_modules/@scope/native": {},
    };
    assert.deepEqual(missingFromLock(packages), [
      "gone, wanted by package.json",
      "@scope/native, wanted by node_modules/@scope/a",
    ]);
  });
});
