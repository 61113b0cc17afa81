import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { askProvider, expireIfOver, pollOnce } from "../../src/domain/ask-provider.js";
import type { Deps } from "../../src/domain/deps.js";
import { ProviderThrottled, ProviderUnavailable } from "../../src/domain/errors.js";
import { settleChallenge } from "../../src/domain/settle-challenge.js";
import { settleEnrolment } from "../../src/domain/settle-enrolment.js";
import type { WatchedRow } from "../../src/domain/watched.js";
import { WATCHED } from "../../src/domain/watched-kinds.js";
import { at, LIFE_MS, OVER_MS, watchedInMemory } from "./watched-in-memory.js";

const KINDS = [
  {
    kind: "approval",
    id: "challenge-1",
    logged: "challenge settled",
    idField: "challengeId",
    yes: "approved",
    reports: {
      callback: (deps: Deps) => settleChallenge(deps, "challenge-1", "approved", "callback"),
      clock: (deps: Deps) => settleChallenge(deps, "challenge-1", "expired", "clock"),
      person: (deps: Deps) => settleChallenge(deps, "challenge-1", "cancelled", "person"),
    },
  },
  {
    kind: "registration",
    id: "enrolment-1",
    logged: "enrolment settled",
    idField: "enrolmentId",
    yes: "completed",
    reports: {
      callback: (deps: Deps) =>
        settleEnrolment(deps, "enrolment-1", { state: "completed", providerId: "1" }, "webhook"),
      clock: (deps: Deps) => settleEnrolment(deps, "enrolment-1", { state: "expired" }, "clock"),
      person: (deps: Deps) => settleEnrolment(deps, "enrolment-1", { state: "cancelled" }, "person"),
    },
  },
] as const;

/** Every order of some things. */
function orders<T>(things: readonly T[]): T[][] {
  if (things.length < 2) return [[...things]];
  return things.flatMap((first, n) => orders(things.toSpliced(n, 1)).map((rest) => [first, ...rest]));
}

for (const { kind, id, logged, idField, yes, reports } of KINDS)
  describe(`what is watched: ${kind}`, () => {
    const rules = WATCHED[kind];

    /** The row of this kind and the ways to look at it. */
    function open() {
      const memory = watchedInMemory();
      const read = async (): Promise<WatchedRow> => {
        const row = await rules.rows(memory.deps).find(id);
        assert.ok(row);
        return row;
      };
      const status = async (): Promise<string> => rules.statusOf(await read()).status;
      const ask = async () => askProvider(memory.deps, rules, await read(), "poll");
      const saysYes = (): void => {
        memory.provider.approval = "approved";
        memory.provider.registration = { state: "completed", providerId: "1" };
      };
      const fails = (error: Error): void => {
        memory.provider.approval = error;
        memory.provider.registration = error;
      };
      return { ...memory, read, status, ask, saysYes, fails };
    }

    it("T1: is settled by one of callback, poll, clock and person, in whatever order they come, and published once", async () => {
      const poll = async (deps: Deps): Promise<unknown> => {
        const row = await rules.rows(deps).find(id);
        return row === null ? null : askProvider(deps, rules, row, "poll");
      };
      for (const order of orders([reports.callback, poll, reports.clock, reports.person])) {
        const { deps, read, published, logged: lines, history, saysYes, status } = open();
        saysYes();
        const told = await Promise.all(order.map((report) => report(deps)));
        const lateToo = await Promise.all(order.map((report) => report(deps)));
        assert.equal(
          [...told, ...lateToo].filter((won) => won === true).length <= 1,
          true,
          "two were told that they won",
        );
        assert.equal((await read()).version, 2);
        assert.deepEqual(published, [rules.statusOf(await read())], "with what it has become");
        assert.equal(lines.filter(({ message }) => message === logged).length, 1);
        const added = kind === "registration" && (await status()) === "completed" ? ["phone-enrolled"] : [];
        assert.deepEqual(history, added);
      }
    });

    it("names in the log what was settled, how, and by whom", async () => {
      const { deps, logged: lines } = open();
      await reports.person(deps);
      assert.deepEqual(lines, [{ [idField]: id, kind, outcome: "cancelled", by: "person", message: logged }]);
    });

    it("F1: an error of the provider is neither yes nor no, and gives the turn to ask back", async () => {
      for (const error of [new ProviderUnavailable("away"), new ProviderThrottled("slow down", 7000)]) {
        const { ask, fails, status, published, provider, saysYes, passTo } = open();
        passTo(LIFE_MS + 1); // even when the next answer would be the last
        fails(error);
        await assert.rejects(ask(), error);
        assert.equal(await status(), "pending");
        assert.deepEqual(published, []);
        saysYes();
        assert.deepEqual(await ask(), { kind: "settled" });
        assert.deepEqual([provider.asked, await status()], [2, yes]);
      }
    });

    it("T9: is asked about by one at a time; the other one looks again soon", async () => {
      const { ask, provider } = open();
      const both = await Promise.all([ask(), ask()]);
      assert.equal(provider.asked, 1);
      assert.deepEqual(both[1], { kind: "later", at: at(400) });
    });

    it("T2: a tap that the last poll sees after the end still counts; without one the poll ends it", async () => {
      const [tapped, idle] = [open(), open()];
      tapped.saysYes();
      for (const { passTo, ask } of [tapped, idle]) {
        passTo(LIFE_MS);
        assert.deepEqual(await ask(), { kind: "settled" });
      }
      assert.deepEqual([await tapped.status(), await idle.status()], [yes, "expired"]);
    });

    it("is called expired by the clock 5 s after its end, and not before", async () => {
      const { deps, read, status, passTo, logged: lines } = open();
      passTo(OVER_MS - 1);
      await expireIfOver(deps, rules, await read());
      assert.equal(await status(), "pending");
      passTo(OVER_MS);
      const row = await expireIfOver(deps, rules, await read());
      assert.equal(rules.statusOf(row).status, "expired");
      assert.equal(lines.at(-1)?.["by"], "clock");
    });

    it("is polled when its row says so, whatever the job says, and never again once it is settled", async () => {
      const { deps, read, provider, passTo } = open();
      const { nextPollAt } = await read();
      assert.deepEqual(await pollOnce(deps, rules, id), { kind: "later", at: nextPollAt });
      assert.equal(provider.asked, 0);
      passTo(2000);
      const asked = await pollOnce(deps, rules, id);
      assert.deepEqual(asked, { kind: "later", at: (await read()).nextPollAt });
      assert.equal(provider.asked, 1);
      await reports.person(deps);
      assert.deepEqual(await pollOnce(deps, rules, id), { kind: "settled" });
      assert.deepEqual(await pollOnce(deps, rules, "nothing"), { kind: "settled" });
      assert.equal(provider.asked, 1);
    });
  });

describe("answers of the provider that need a rule of their own", () => {
  it("F1: a request that Authy does not know is neither approved nor expired; the clock ends it", async () => {
    const { deps, provider, challenges, passTo } = watchedInMemory();
    const ask = async () => {
      const row = await deps.challenges.find("challenge-1");
      assert.ok(row);
      return askProvider(deps, WATCHED.approval, row, "poll");
    };
    provider.approval = "unknown";
    passTo(LIFE_MS + 1);
    assert.equal((await ask()).kind, "later");
    passTo(OVER_MS);
    assert.equal((await ask()).kind, "settled");
    const { state, settledBy } = challenges.get("challenge-1") ?? {};
    assert.deepEqual([state, settledBy], ["expired", "clock"]);
  });

  it("that a request expired at Authy ends nothing before our own deadline", async () => {
    const { deps, provider, challenges } = watchedInMemory();
    provider.approval = "expired";
    const row = await deps.challenges.find("challenge-1");
    assert.ok(row);
    assert.equal((await askProvider(deps, WATCHED.approval, row, "poll")).kind, "later");
    assert.equal(challenges.get("challenge-1")?.state, "pending");
  });

  it("R5: a phone that protects another account ends the enrolment as a conflict, which reads as failed", async () => {
    const { deps, enrolments, takePhone, logged, history, published } = watchedInMemory();
    takePhone();
    assert.equal(await settleEnrolment(deps, "enrolment-1", { state: "completed", providerId: "1" }, "poll"), true);
    assert.equal(enrolments.get("enrolment-1")?.state, "conflict");
    assert.equal(logged.at(-1)?.["outcome"], "failed");
    assert.deepEqual([history, published.map((status) => status.id)], [[], ["enrolment-1"]]);
  });
});
