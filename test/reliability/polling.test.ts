import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { nextAsk, watchAsks } from "./asks.js";
import { BOUNDED, inTime, timed, watchMachine } from "../kit/in-time.js";
import { enrol, type Person, startSignIn } from "../kit/people.js";
import { until } from "../kit/until.js";
import { finish, settledBy, startBalanced, tapToEvent } from "./sign-ins.js";

/** How many sign in without callbacks; a person may ask for more. */
const PEOPLE = Number(process.env["RELIABILITY_PEOPLE"] ?? 8);
const LONGEST_REACTION_MS = 40_000;

describe("polling", () => {
  it("T12: without any callbacks the poller decides within 6 s", { timeout: 300_000 + PEOPLE * 4000 }, async (t) => {
    const program = await startBalanced(t);
    await program.phone.faults({ callbacks: "drop" });
    const people: Person[] = [];
    for (let n = 0; n < PEOPLE; n++) people.push(await enrol(program, `person${n}`));
    const times = await Promise.all(
      people.map(async (person, n) => {
        await wait(n * 40);
        const waiting = await startSignIn(person);
        await wait((n * 700) % LONGEST_REACTION_MS);
        return tapToEvent(person, waiting, 6000);
      }),
    );
    times.sort((a, b) => a - b);
    const share = (part: number): number => Math.round(times[Math.floor(part * (times.length - 1))] ?? 0);
    t.diagnostic(
      `${PEOPLE} sign-ins, tap to event: p50 ${share(0.5)} ms, p99 ${share(0.99)} ms, slowest ${share(1)} ms`,
    );
  });

  it("B3: Authy is not asked more often than the fleet may, however much waits", BOUNDED, async (t) => {
    const program = await startBalanced(t, {
      workers: 2,
      env: { LIMIT_UPSTREAM_PER_SECOND: "5", POLL_FIRST_MS: "100", POLL_MAX_MS: "100" },
    });
    await program.phone.faults({ callbacks: "drop" });
    const calls = watchAsks(program);
    for (let n = 0; n < 12; n++) await startSignIn(await enrol(program, `person${n}`));
    await nextAsk(program);
    const before = calls.asked();
    const machine = watchMachine();
    const { ms } = await timed(until(() => calls.asked() >= before + 30, "Authy was not asked 30 times", 60_000));
    machine.stop();
    // 5 in the second that has begun, and 5 in each that follows. An answer late by the machine brings questions closer.
    assert.ok(ms + machine.slowestMs() > 4000, `Authy was asked 30 times in ${ms} ms`);
  });

  it("T12: a single lost callback costs 15 s at most, and nothing when the person says so", BOUNDED, async (t) => {
    const program = await startBalanced(t);
    const [ada, bob] = [await enrol(program, "ada"), await enrol(program, "bob")];
    await tapToEvent(ada, await startSignIn(ada), 15_000); // callbacks are seen to arrive
    await program.phone.faults({ callbacks: "drop", callback_times: 2 });
    const lost = await startSignIn(bob);
    await startSignIn(ada);
    const slow = tapToEvent(bob, lost, 15_000);
    await ada.answer("approve");
    const { value } = await inTime(1500, "pressing the button", finish(ada));
    assert.equal(value.location, "/account");
    await slow;
    assert.equal(await settledBy(program, lost), "poll");
  });
});
