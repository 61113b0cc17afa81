import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { type ChallengeState, isLive, MOVES, publicStatus } from "../../src/domain/challenge.js";

const STATES = Object.keys(MOVES) as ChallengeState[];

describe("the moves of a challenge", () => {
  it("lead from creating to consumed in one way only: over pending and approved", () => {
    const before = (state: ChallengeState) => STATES.filter((from) => MOVES[from].includes(state));
    assert.deepEqual(before("consumed"), ["approved"]);
    assert.deepEqual(before("approved"), ["pending"]);
    assert.deepEqual(before("pending"), ["creating"]);
    assert.deepEqual(before("creating"), []);
  });

  it("end for good: nothing leads out of a denied, expired, replaced, cancelled, failed or spent one", () => {
    for (const state of ["denied", "expired", "superseded", "cancelled", "failed", "consumed", "lapsed"] as const)
      assert.deepEqual(MOVES[state], []);
  });

  it("show to the outside as the contract names them", () => {
    const shown = Object.fromEntries(STATES.map((state) => [state, publicStatus(state)]));
    assert.deepEqual(shown, {
      creating: "pending",
      pending: "pending",
      approved: "approved",
      denied: "denied",
      expired: "expired",
      superseded: "cancelled",
      cancelled: "cancelled",
      failed: "failed",
      consumed: "approved",
      lapsed: "approved",
    });
    for (const state of STATES) assert.equal(isLive(state), publicStatus(state) === "pending");
  });
});
