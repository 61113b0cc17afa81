import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { nextAsk, watchAsks } from "./asks.js";
import { BOUNDED, inTime } from "../kit/in-time.js";
import { brokenRows } from "../kit/invariants.js";
import { enrol, startSignIn } from "../kit/people.js";
import { until } from "../kit/until.js";
import { finish, settledBy, startBalanced, tapToEvent } from "./sign-ins.js";

/** How often the worker is killed; a person may ask for more. */
const KILLS = Number(process.env["RELIABILITY_KILLS"] ?? 3);

/** How many sign in without a worker; a person may ask for more. */
const SIGN_INS = Number(process.env["RELIABILITY_PEOPLE"] ?? 5);

describe("the worker", () => {
  it(
    `F11: the job goes on within 5 s of the kill of its worker, ${KILLS} times, and ends right`,
    { timeout: 300_000 + KILLS * 60_000 },
    async (t) => {
      const program = await startBalanced(t, {
        workers: 2,
        env: { APPROVAL_TTL_SECONDS: "3600", POLL_FIRST_MS: "100", POLL_MAX_MS: "100" },
      });
      const { workers, sandbox } = program;
      const ada = await enrol(program, "ada");
      await program.phone.faults({ callbacks: "drop", latency_ms: 1000, route: "approval-status" });
      const waiting = await startSignIn(ada);
      const rests: number[] = [];
      for (let kills = 0; kills < KILLS; kills++) {
        const [victim, heir] = kills % 2 === 0 ? workers : workers.toReversed();
        assert.ok(victim && heir, "two workers");
        // The second question after the heir was frozen is the victim's: of the heir one may still have been on its way.
        process.kill(heir.pid, "SIGSTOP");
        await nextAsk(program);
        await nextAsk(program);
        await victim.kill();
        process.kill(heir.pid, "SIGCONT");
        rests.push((await inTime(5000, "the question after the kill", nextAsk(program))).ms);
        await victim.start();
      }
      rests.sort((a, b) => a - b);
      const [half, slowest] = [rests[Math.floor(rests.length / 2)] ?? 0, rests.at(-1) ?? 0];
      t.diagnostic(
        `${KILLS} kills, the job rested for ${Math.round(half)} ms at p50, ${Math.round(slowest)} ms at most`,
      );
      await program.phone.faults({ callbacks: "drop" });
      await tapToEvent(ada, waiting, 6000);
      assert.equal(await settledBy(program, waiting), "poll");
      assert.deepEqual(await brokenRows(program.database), { double: [], wrong: [] });
      assert.equal(sandbox.state.requests.length, 1, "one push");
    },
  );

  it("T9: Authy is never asked twice at the same time about one challenge", BOUNDED, async (t) => {
    const program = await startBalanced(t, { workers: 2, env: { POLL_FIRST_MS: "50", POLL_MAX_MS: "50" } });
    const ada = await enrol(program, "ada");
    await program.phone.faults({ callbacks: "drop", latency_ms: 600, route: "approval-status" });
    const calls = watchAsks(program);
    await startSignIn(ada);
    for (let n = 1; n <= 6; n++) {
      // A job made twice, and a person who presses the button, are no reason to ask more.
      await program.redis.flush();
      await finish(ada);
      await until(() => calls.asked() >= n, `Authy was not asked ${n} times`);
    }
    assert.equal(calls.mostAtOnce(), 1);
  });

  it("F12: without any worker sign-ins with callbacks succeed", { timeout: 300_000 + SIGN_INS * 5000 }, async (t) => {
    const program = await startBalanced(t, { workers: 0 });
    const person = await enrol(program, "ada");
    const times: number[] = [];
    for (let n = 0; n < SIGN_INS; n++) {
      const waiting = await startSignIn(person);
      times.push(await tapToEvent(person, waiting, 2000));
      assert.equal(await settledBy(program, waiting), "callback");
    }
    t.diagnostic(`${SIGN_INS} sign-ins, the slowest event ${Math.round(Math.max(...times))} ms after its tap`);
  });

  it("F11: a frozen worker's jobs go on elsewhere, and it does no harm when it wakes", BOUNDED, async (t) => {
    const program = await startBalanced(t, { workers: 2, env: { POLL_FIRST_MS: "200", POLL_MAX_MS: "200" } });
    await program.phone.faults({ callbacks: "drop", latency_ms: 200, route: "approval-status" });
    const ada = await enrol(program, "ada");
    const waiting = await startSignIn(ada);
    for (const place of program.workers) {
      await nextAsk(program);
      process.kill(place.pid, "SIGSTOP");
      await inTime(5000, "the question after the freeze", nextAsk(program));
      process.kill(place.pid, "SIGCONT");
    }
    await tapToEvent(ada, waiting, 6000);
    assert.deepEqual(await brokenRows(program.database), { double: [], wrong: [] });
  });
});
