import assert from "node:assert/strict";
import { it } from "node:test";

import { ensureBuilt } from "../kit/built.js";
import { runStorm } from "../trials/storm/storm.js";
import { tableOf } from "../trials/storm/table.js";

it(
  "R44 a storm of sign-ins that go on to applications loses none, and leaves none open",
  { timeout: 580_000 },
  async (t) => {
    ensureBuilt();
    const options = { logins: 24, seed: 15, database: "sqlite", factor: "authy", minutes: 1, browsers: 6 } as const;
    const report = await runStorm(t, { ...options, faults: 4, apps: true }, () => undefined);
    t.diagnostic(tableOf(report));
    const { lost, double, wrong, signedIn, reached } = report.result;
    assert.deepEqual({ lost, double, wrong }, { lost: [], double: [], wrong: [] });
    assert.deepEqual(reached, { client: signedIn, site: signedIn });
    assert.ok(signedIn > options.browsers / 2, `only ${signedIn} signed in`);
  },
);
