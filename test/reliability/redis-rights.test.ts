import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";

import { bundleOf } from "../kit/bundle.js";
import { runCommand } from "../kit/command.js";
import { BOUNDED } from "../kit/in-time.js";
import type { Program } from "../kit/program.js";
import { until } from "../kit/until.js";
import { assertJsonOnly, becomes, EVERYTHING, restart, sharedGuarded, signsIn, tellsOnce } from "./guarded-program.js";

describe("a Redis user without a right", () => {
  const shared = sharedGuarded();

  /** What the operator's tool says about Redis, or about its memory. */
  async function doctor(t: TestContext, row = "redis"): Promise<string> {
    const args = [bundleOf("dist/scripts/admin.js"), "doctor", "--json"];
    const command = runCommand(t, process.execPath, args, shared().program.env);
    await command.exitCode;
    const rows = JSON.parse(command.stdout()) as { what: string; state: string; why: string }[];
    const { state = "none", why = "" } = rows.find(({ what }) => what === row) ?? {};
    return `${state}: ${why}`;
  }

  for (const [what, rules, right] of [
    ["to channels", ["resetchannels"], /lacks the right to publish to challenge:\*/],
    ["to run scripts", ["-@scripting"], /lacks the right to run scripts/],
    ["to keys", ["resetkeys", "~others:*"], /lacks the right to use the keys countersign:\*/],
    ["to write", ["-@write"], /lacks the right to run SET/],
  ] as const)
    it(
      `K15: ${what} is told once by name, also by doctor; /readyz is degraded and sign-ins go on`,
      BOUNDED,
      async (t) => {
        const { program, redis, may } = shared();
        t.after(() => may(...EVERYTHING));
        await becomes(program, "ok");
        const since = program.lines.length;
        await may(...rules);
        // As newer servers do with those who listen already.
        await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
        await becomes(program, "degraded");
        await program.phone.faults();
        assert.equal(await signsIn(program), "callback");
        await program.phone.faults({ callbacks: "drop" });
        assert.equal(await signsIn(program), "poll");
        assert.match(await doctor(t), new RegExp(`^bad: .*${right.source}`));
        await may(...EVERYTHING);
        await becomes(program, "ok");
        await tellsOnce(program, since, right);
        assert.equal(await doctor(t), "ok: ");
        for (const each of [...program.webs, ...program.workers]) assert.equal(each.hasExited, false);
        assertJsonOnly(program);
      },
    );

  it("K15: processes that start without a right use it as soon as they have it", BOUNDED, async (t) => {
    const { program, may } = shared();
    t.after(() => may(...EVERYTHING));
    await may("resetchannels", "-@scripting");
    await restart(program);
    await becomes(program, "degraded");
    await may(...EVERYTHING);
    await becomes(program, "ok");
    await program.phone.faults({ callbacks: "drop" });
    assert.equal(await signsIn(program), "poll");
  });

  it("K15: the rights that the documentation asks for are enough, without INFO too", BOUNDED, async (t) => {
    const { program, may } = shared();
    t.after(() => may(...EVERYTHING));
    const [, rules = ""] =
      /^ACL SETUSER countersign on >PASSWORD (.+)$/m.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
    assert.match(rules, /~bull/);
    await may("reset", "on", ">secret", ...rules.split(" "));
    await restart(program);
    await becomes(program, "ok");
    assert.match(await doctor(t, "redis memory"), /^ok: not looked at/);
    await program.phone.faults({ callbacks: "drop" });
    assert.equal(await signsIn(program), "poll");
    // What their predecessors say at the end is about the rights that those had.
    for (const { lines } of [...program.webs, ...program.workers])
      assert.deepEqual(
        lines.filter(({ level }) => Number(level) >= 40),
        [],
      );
  });

  it(
    "K17: what libraries say on the console is a line of the log; K2: doctor minds a policy that evicts",
    BOUNDED,
    async (t) => {
      const { program, redis } = shared();
      t.after(() => redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction"));
      await redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
      const since = program.lines.length;
      await restart(program);
      const says = ({ text }: Program["lines"][number]): boolean => /Eviction policy is allkeys-lru/.test(String(text));
      await until(() => program.lines.slice(since).some(says), "nobody minds the eviction policy", 20_000);
      assert.equal(program.lines.slice(since).filter(says).length, 1);
      assert.match(await doctor(t, "redis memory"), /^bad: maxmemory-policy is allkeys-lru/);
      assertJsonOnly(program);
    },
  );
});
