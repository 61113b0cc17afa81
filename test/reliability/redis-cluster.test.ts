import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { bundleOf } from "../kit/bundle.js";
import { startRedisCluster } from "../kit/cluster.js";
import { runCommand } from "../kit/command.js";
import { BOUNDED, inTime } from "../kit/in-time.js";
import { enrol, isSignedIn, startSignIn } from "../kit/people.js";
import { startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";

const PROMISED_MS = 10_000;
/** On whose server all jobs are. */
const QUEUE = "{bull}:challenge-poll:meta";

describe("a Cluster promotes a replica in the middle of a sign-in", () => {
  it("K2: the sign-in goes on, and all processes follow to the new primary", BOUNDED, async (t) => {
    const redis = await startRedisCluster(t);
    const program = await startProgram(t, {
      webs: 2,
      env: { REDIS_URL: redis.url, POLL_FIRST_WITH_CALLBACKS_MS: "2000" },
    });
    const [ada, bob] = [await enrol(program), await enrol(program)];
    for (const person of [ada, bob]) await person.browser.post("/logout");
    const isWell = async ({ site }: { site: string }): Promise<boolean> =>
      ((await (await fetch(`${site}/readyz`)).json()) as { status: string }).status === "ok";
    for (const web of program.webs) await until(() => isWell(web), "it is not well at first", 30_000);
    const former = (await redis.primaryOf(QUEUE)) ?? 0;

    const waiting = await startSignIn(ada);
    const stream = ada.browser.copy(program.webs[1]?.site).watch(waiting.events);
    await stream.first();
    await redis.kill(former);
    await ada.answer("approve");
    const told = await inTime(PROMISED_MS, "the waiting browser", stream.final());
    assert.equal(told.value, "approved");
    await ada.browser.post("/login/approval/finish");
    assert.equal(await isSignedIn(ada.browser), true);

    const isPromoted = async () => ![null, former].includes(await redis.primaryOf(QUEUE));
    await until(isPromoted, "no failover", 60_000);
    for (const web of program.webs) {
      const again = until(() => isWell(web), "it stays degraded", 60_000);
      await inTime(PROMISED_MS, "a web process at the new primary", again);
    }
    // Nobody but the worker learns of this one, by a job on the server that was promoted.
    await program.phone.faults({ callbacks: "drop" });
    const { id } = await startSignIn(bob);
    await bob.answer("approve");
    const settled = await inTime(PROMISED_MS, "the worker's poll", program.settledBy(id));
    assert.equal(settled.value, "poll");

    const doctor = runCommand(
      t,
      process.execPath,
      [bundleOf("dist/scripts/admin.js"), "doctor", "--json"],
      program.env,
    );
    await doctor.exitCode;
    const rows = JSON.parse(doctor.stdout()) as { what: string; state: string; why: string }[];
    const ofRedis = rows.filter(({ what }) => what.startsWith("redis") || what === "processes");
    assert.deepEqual(
      ofRedis.map(({ what, state, why }) => [what, state, what === "processes" ? why.slice(0, 1) : why]),
      [
        ["redis", "ok", ""],
        ["redis memory", "ok", ""],
        ["redis disk", "ok", ""],
        ["processes", "ok", "3"],
      ],
    );
  });
});
