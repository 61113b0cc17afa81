import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { reconcile } from "../../src/domain/reconcile.js";
import { OVER_MS, watchedInMemory } from "./watched-in-memory.js";

describe("the repair from the rows alone", () => {
  it("makes a poll of either kind again that is 2 s overdue, and leaves the others alone", async () => {
    const { deps, scheduled, passTo } = watchedInMemory();
    passTo(3499);
    await reconcile(deps);
    assert.deepEqual(scheduled, []);
    passTo(3500);
    await reconcile(deps);
    assert.deepEqual(scheduled, ["registration enrolment-1 at 3500"]);
    passTo(4000);
    await reconcile(deps);
    assert.deepEqual(scheduled.slice(1), ["approval challenge-1 at 4000", "registration enrolment-1 at 4000"]);
  });

  it("ends by the clock what nobody ended, of either kind, once", async () => {
    const { deps, passTo, published, challenges, enrolments } = watchedInMemory();
    passTo(OVER_MS);
    await Promise.all([reconcile(deps), reconcile(deps)]);
    assert.deepEqual(published.map(({ id }) => id).toSorted(), ["challenge-1", "enrolment-1"]);
    for (const row of [challenges.get("challenge-1"), enrolments.get("enrolment-1")])
      assert.deepEqual([row?.state, row?.settledBy], ["expired", "clock"]);
  });

  it("F8: makes every job again, for when it was due, after the queue was emptied", async () => {
    const { deps, scheduled, logged } = watchedInMemory();
    const emptied = { ...deps, polls: { ...deps.polls, noticeLoss: () => Promise.resolve(true) } };
    await reconcile(emptied);
    assert.deepEqual(scheduled, ["approval challenge-1 at 2000", "registration enrolment-1 at 1500"]);
    assert.equal(logged[0]?.["jobs"], 2);
  });
});
