import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { tryOutbox } from "./outbox.js";
import { floodOfResets, timeOfResetPage } from "./reset-page.js";

describe("mail, tried in short", () => {
  it("M2 M3 loses no event and doubles none but under one Message-ID, whatever fails", async (t) => {
    const trial = { events: 60, faults: 18, seed: 1601, faultMs: 120, withProcesses: false };
    const { lost, doubled } = await tryOutbox(t, trial, () => undefined);
    assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 });
  });

  it("M4 answers in the same time whether or not there is such an account", async (t) => {
    const { area } = await timeOfResetPage(t, 200, 1602);
    // The measure itself is 0.5 give or take 0.03 for so few pairs.
    assert.ok(area > 0.38 && area < 0.62, `the area under the curve is ${area}`);
  });

  it("M6 orders at most the limit for one account", async (t) => {
    assert.ok((await floodOfResets(t, 200)) <= 5);
  });
});
