import assert from "node:assert/strict";
import { it } from "node:test";

import { audit } from "../../src/database/audit.js";
import { repairDenials, type SettleDeps } from "../../src/domain/settle-challenge.js";
import { aChallenge, anOwner, at, onBothDatabases } from "./both.js";

onBothDatabases("denials that nobody noted", (store) => {
  it("P5, F13: pause unknown browsers all the same, once, and only while they are fresh", async () => {
    const { challenges, attempts, subscribers, database } = store();
    const history = audit(database);
    const repairAt = (ms: number): Promise<void> =>
      repairDenials({
        ...{ challenges, attempts, subscribers, audit: history },
        settings: { pushFreezeSeconds: 900 },
        now: () => at(ms),
      } as unknown as SettleDeps);
    const denied = async (isKnownBrowser: boolean): Promise<string> => {
      const owner = await anOwner(store());
      const id = await aChallenge(store(), owner, { isKnownBrowser });
      await challenges.settle(id, "denied", "callback", at(1000));
      return owner.subscriberId;
    };
    const [stranger, known] = [await denied(false), await denied(true)];
    const frozenUntil = async (id: string) => (await subscribers.find(id))?.pushFrozenUntil ?? null;

    await repairAt(2000);
    assert.equal(await frozenUntil(stranger), null, "whoever settled it may still be about to note it");
    await repairAt(5000);
    assert.deepEqual(await frozenUntil(stranger), at(905_000));
    assert.equal(await frozenUntil(known), null);
    await repairAt(6000);
    assert.equal((await history.list(stranger, 10)).length, 1);

    const late = await denied(false);
    await repairAt(60_000);
    assert.equal(await frozenUntil(late), null);
  });
});
