import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runStorm } from "../trials/storm/storm.js";
import { tableOf } from "../trials/storm/table.js";
import { ensureBuilt } from "../kit/built.js";

describe("a storm", () => {
  it("has no lost, no double and no wrong sign-in in half a minute of faults", { timeout: 580_000 }, async (t) => {
    ensureBuilt();
    const seed = Number(process.env["STORM_SEED"] ?? 20261128);
    const options = {
      logins: 1000,
      seed,
      database: "sqlite",
      factor: "authy",
      minutes: 0.5,
      browsers: 16,
      faults: 18,
    } as const;
    const report = await runStorm(t, options, () => undefined);
    t.diagnostic(`seed ${seed}\n${tableOf(report)}`);
    const { lost, double, wrong, signedIn } = report.result;
    assert.deepEqual({ lost, double, wrong }, { lost: [], double: [], wrong: [] }, `seed ${seed}`);
    assert.ok(signedIn > options.browsers / 2, `only ${signedIn} signed in, seed ${seed}`);
  });
});
