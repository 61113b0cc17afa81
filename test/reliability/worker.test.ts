import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { brokenRows } from "../../scripts/storm/audit.js";
import { BOUNDED, finish, openTown, startSignIn, tapToEvent, timed, witnessOf } from "./town.js";
import { nextAsk, watchAsks } from "./asks.js";

/** How often the worker is killed; a person may ask for more. */
const KILLS = Number(process.env["RELIABILITY_KILLS"] ?? 3);

/** How many sign in without a worker; a person may ask for more. */
const SIGN_INS = Number(process.env["RELIABILITY_PEOPLE"] ?? 5);

/** After the other one was killed the questions go on at once. */
const HOLDER_KILLED_MS = 1200;

describe("the worker", () => {
  it(
    `F11: the job goes on within 5 s of the kill of its worker, ${KILLS} times, and ends right`,
    { timeout: 60_000 + KILLS * 15_000 },
    async (t) => {
      const town = await openTown(t, {
        workers: 2,
        env: { APPROVAL_TTL_SECONDS: "3600", POLL_FIRST_MS: "100", POLL_MAX_MS: "100" },
      });
      const { workers, sandbox } = town.world;
      const ada = await town.enrol("ada");
      await town.faults({ callbacks: "drop", latency_ms: 250, route: "approval-status" });
      const waiting = await startSignIn(ada);
      const asked = (): Promise<unknown> => nextAsk(town);
      const rests: number[] = [];
      for (let kills = 0; rests.length < KILLS && kills < KILLS * 6; kills++) {
        await asked(); // a question is on its way: one of the two workers holds the job
        const victim = workers[kills % 2];
        await victim?.part().kill();
        const { ms } = await timed(asked());
        if (ms > HOLDER_KILLED_MS) rests.push(ms);
        await victim?.start();
      }
      rests.sort((a, b) => a - b);
      const [half, slowest] = [rests[Math.floor(rests.length / 2)] ?? 0, rests.at(-1) ?? 0];
      t.diagnostic(
        `${KILLS} kills, the job rested for ${Math.round(half)} ms at p50, ${Math.round(slowest)} ms at most`,
      );
      assert.equal(rests.length, KILLS);
      assert.ok(slowest < 5000, `once the job rested for ${slowest} ms`);
      await town.faults({ callbacks: "drop" });
      await tapToEvent(ada, waiting);
      assert.equal(await witnessOf(town, waiting), "poll");
      assert.deepEqual(await brokenRows(town.database), { double: [], wrong: [] });
      assert.equal(sandbox.state.requests.length, 1, "one push");
    },
  );

  it("T9: Authy is never asked twice at the same time about one challenge", BOUNDED, async (t) => {
    const town = await openTown(t, { workers: 3, env: { POLL_FIRST_MS: "50", POLL_MAX_MS: "50" } });
    const ada = await town.enrol("ada");
    await town.faults({ callbacks: "drop", latency_ms: 600, route: "approval-status" });
    const calls = watchAsks(town);
    const waiting = await startSignIn(ada);
    for (let n = 0; n < 6; n++) {
      // A job made twice, and a person who presses the button, are no reason to ask more.
      await town.world.redis.flush();
      await finish(ada, waiting);
      await wait(500);
    }
    assert.ok(calls.asked() >= 3, `it was asked ${calls.asked()} times`);
    assert.equal(calls.mostAtOnce(), 1);
  });

  it("F12: without any worker sign-ins with callbacks succeed", { timeout: 60_000 + SIGN_INS * 1000 }, async (t) => {
    const town = await openTown(t, { workers: 0 });
    const person = await town.enrol("ada");
    const times: number[] = [];
    for (let n = 0; n < SIGN_INS; n++) {
      const waiting = await startSignIn(person);
      times.push(await tapToEvent(person, waiting));
      assert.equal(await witnessOf(town, waiting), "callback");
    }
    t.diagnostic(`${SIGN_INS} sign-ins, the slowest event ${Math.round(Math.max(...times))} ms after its tap`);
    assert.ok(Math.max(...times) < 2000);
  });

  it("F11: a frozen worker's jobs go on elsewhere, and it does no harm when it wakes", BOUNDED, async (t) => {
    const town = await openTown(t, { workers: 2, env: { POLL_FIRST_MS: "200", POLL_MAX_MS: "200" } });
    await town.faults({ callbacks: "drop", latency_ms: 200, route: "approval-status" });
    const ada = await town.enrol("ada");
    const waiting = await startSignIn(ada);
    for (const place of town.world.workers) {
      await nextAsk(town);
      process.kill(place.part().pid, "SIGSTOP");
      const { ms } = await timed(nextAsk(town));
      assert.ok(ms < 5000, `the job rested for ${ms} ms`);
      process.kill(place.part().pid, "SIGCONT");
    }
    await tapToEvent(ada, waiting);
    assert.deepEqual(await brokenRows(town.database), { double: [], wrong: [] });
  });
});
