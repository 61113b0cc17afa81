import assert from "node:assert/strict";
import { it } from "node:test";

import { unlock } from "../../src/domain/administer.js";
import type { Deps } from "../../src/domain/deps.js";
import { settleChallenge, type SettleDeps } from "../../src/domain/settle-challenge.js";
import { newTally } from "../../src/http/tally.js";
import { aChallenge, anOwner, at, onBothDatabases, type Owner, type Store, whileRefused } from "./both.js";

function settleDeps({ challenges, transaction }: Store): SettleDeps {
  return {
    ...{ challenges, transaction },
    ...{ settings: { pushFreezeSeconds: 900 }, now: () => at(1000) },
    ...{ feed: { publish: () => Promise.resolve() }, polls: { forget: () => Promise.resolve() } },
    log: { info: () => undefined },
    tally: newTally(),
  } as unknown as SettleDeps;
}

async function consequences({ subscribers, audit }: Store, { subscriberId }: Owner) {
  const history = (await audit.list(subscriberId, { limit: 10 })).map(({ kind, detail }) => `${kind} ${detail}`);
  return { frozenUntil: (await subscribers.find(subscriberId))?.pushFrozenUntil ?? null, history };
}

onBothDatabases("a denial", (store) => {
  it("P5: is shown to the owner and pauses unknown browsers, once, however many report it", async () => {
    const [unknown, known] = [await anOwner(store()), await anOwner(store())];
    for (const [owner, isKnownBrowser] of [
      [unknown, false],
      [known, true],
    ] as const) {
      const id = await aChallenge(store(), owner, { isKnownBrowser });
      const reports = Array.from({ length: 6 }, () => settleChallenge(settleDeps(store()), id, "denied", "callback"));
      assert.equal((await Promise.all(reports)).filter(Boolean).length, 1);
    }
    const history = ["sign-in-denied sign-in"];
    assert.deepEqual(await consequences(store(), unknown), { frozenUntil: at(901_000), history });
    assert.deepEqual(await consequences(store(), known), { frozenUntil: null, history });
  });

  it("P5: the operator's unlock ends the pause at once", async () => {
    const owner = await anOwner(store());
    await settleChallenge(
      settleDeps(store()),
      await aChallenge(store(), owner, { isKnownBrowser: false }),
      "denied",
      "poll",
    );
    const subscriber = await store().subscribers.find(owner.subscriberId);
    assert.deepEqual(subscriber?.pushFrozenUntil, at(901_000));
    await unlock({ ...store(), now: () => at(2000) } as unknown as Deps, subscriber);
    assert.equal((await consequences(store(), owner)).frozenUntil, null);
  });

  for (const change of ["UPDATE OF push_frozen_until ON subscribers", "INSERT ON audit_events"])
    it(`F13: stands with all that follows from it or not at all, where the database dies at ${change}`, async () => {
      const owner = await anOwner(store());
      const id = await aChallenge(store(), owner, { isKnownBrowser: false });
      const settle = (): Promise<boolean> => settleChallenge(settleDeps(store()), id, "denied", "callback");
      await whileRefused(store().database, change, async () => {
        await assert.rejects(settle(), /refused/);
      });
      assert.equal((await store().challenges.find(id))?.state, "pending");
      assert.deepEqual(await consequences(store(), owner), { frozenUntil: null, history: [] });
      assert.equal(await settle(), true);
      assert.equal((await consequences(store(), owner)).history.length, 1);
    });
});
