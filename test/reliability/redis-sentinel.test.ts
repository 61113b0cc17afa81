import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { BOUNDED, inTime } from "../kit/in-time.js";
import { enrol, isSignedIn, startSignIn } from "../kit/people.js";
import { startProgram } from "../kit/program.js";
import { startWatchedRedis } from "../kit/sentinels.js";
import { until } from "../kit/until.js";

const PROMISED_MS = 10_000;

describe("Sentinels promote a replica in the middle of a sign-in", () => {
  it("K2: the sign-in goes on, and all processes follow to the new primary", BOUNDED, async (t) => {
    const redis = await startWatchedRedis(t);
    const program = await startProgram(t, {
      webs: 2,
      env: { REDIS_URL: redis.url, POLL_FIRST_WITH_CALLBACKS_MS: "2000" },
    });
    const [ada, bob] = [await enrol(program), await enrol(program)];
    for (const person of [ada, bob]) await person.browser.post("/logout");
    const { port } = new URL(redis.replica.url);

    const waiting = await startSignIn(ada);
    const stream = ada.browser.copy(program.webs[1]?.site).watch(waiting.events);
    await stream.first();
    await redis.primary.kill();
    await ada.answer("approve");
    const told = await inTime(PROMISED_MS, "the waiting browser", stream.final());
    assert.equal(told.value, "approved");
    await ada.browser.post("/login/approval/finish");
    assert.equal(await isSignedIn(ada.browser), true);

    await until(async () => (await redis.primaryPort()) === Number(port), "no failover", 30_000);
    for (const { site } of program.webs) {
      const isWell = async (): Promise<boolean> =>
        ((await (await fetch(`${site}/readyz`)).json()) as { status: string }).status === "ok";
      await inTime(PROMISED_MS, "a web process at the new primary", until(isWell, "it stays degraded", 60_000));
    }
    const followed = (): boolean =>
      program.lines.some(({ part, msg }) => String(part).startsWith("worker") && msg === "Redis works again");
    await inTime(PROMISED_MS, "a worker at the new primary", until(followed, "the worker did not follow", 60_000));
    // Nobody but the worker learns of this one.
    await program.phone.faults({ callbacks: "drop" });
    const { id } = await startSignIn(bob);
    await bob.answer("approve");
    const settled = await inTime(PROMISED_MS, "the worker's poll", program.settledBy(id));
    assert.equal(settled.value, "poll");
  });
});
