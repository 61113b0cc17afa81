import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import { forgetOld } from "../../src/database/forget-old.js";
import { aChallenge, anAttempt, anOwner, aSession, at, onBothDatabases } from "./both.js";

const DAY_MS = 86_400_000;

onBothDatabases("forgetting", (store) => {
  it("removes what is old, more than a batch of it, and keeps what still counts", async () => {
    const { database, receipts, failures, subscribers, challenges } = store();
    const owner = await anOwner(store());
    for (let n = 0; n < 1100; n++)
      await receipts.insert({
        ...{ signatureHash: randomUUID(), providerRef: "u", providerId: "1", status: "approved", receivedAt: at(0) },
      });
    await aSession(store(), owner);
    const young = await anAttempt(store(), owner, { createdAt: at(6 * DAY_MS) });
    const counts = await aChallenge(store(), owner, { createdAt: at(2), attemptId: young });
    const renewed = await aChallenge(store(), owner, { createdAt: at(1), attemptId: await anAttempt(store(), owner) });
    await subscribers.noteSuccess(owner.subscriberId, 1, true, at(1));
    for (let n = 0; n < 3; n++)
      await failures.take("seldom", at(0), { failureLimit: 0, failureWaitSeconds: 0, failureWaitMaxSeconds: 0 });

    await forgetOld(database, at(8 * DAY_MS));

    const left = async (entity: string): Promise<number> => database.getRepository(entity).count();
    assert.equal(await left("receipt"), 0);
    assert.equal(await left("session"), 0);
    assert.equal(await left("failure"), 0);
    assert.equal(await left("attempt"), 1);
    assert.equal(await left("attemptKey"), 1);
    assert.equal(await challenges.find(renewed), null);
    assert.equal((await challenges.find(counts))?.id, counts, "it counts against the budget of pushes");
  });
});
