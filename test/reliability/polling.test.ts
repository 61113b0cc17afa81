import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { BOUNDED, finish, openTown, startSignIn, tap, tapToEvent, timed, witnessOf } from "./town.js";

describe("polling", () => {
  it("T12: without any callbacks the poller decides within 6 s", BOUNDED, async (t) => {
    const town = await openTown(t);
    await town.faults({ callbacks: "drop" });
    const names = ["ada", "bob", "eve", "kim", "lea", "max"];
    const times = await Promise.all(
      names.map(async (name, n) => {
        const person = await town.enrol(name);
        const waiting = await startSignIn(person);
        await wait(n * 700);
        return tapToEvent(person, waiting);
      }),
    );
    assert.ok(Math.max(...times) < 6000, `the slowest event came after ${Math.max(...times)} ms`);
  });

  it("T12: a single lost callback costs 15 s at most, and nothing when the person says so", BOUNDED, async (t) => {
    const town = await openTown(t);
    const [ada, bob] = [await town.enrol("ada"), await town.enrol("bob")];
    await tapToEvent(ada, await startSignIn(ada)); // callbacks are seen to arrive
    await town.faults({ callbacks: "drop", callback_times: 2 });
    const [lost, pressed] = [await startSignIn(bob), await startSignIn(ada)];
    const slow = tapToEvent(bob, lost);
    await tap(ada);
    const { value, ms } = await timed(finish(ada, pressed));
    assert.equal(value.location, "/account");
    assert.ok(ms < 1500, `pressing the button took ${ms} ms`);
    assert.ok((await slow) < 15_000);
    assert.equal(await witnessOf(town, lost), "poll");
  });
});
