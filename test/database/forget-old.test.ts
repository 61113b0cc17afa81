import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import { forgetOld } from "../../src/database/forget-old.js";
import type { EnrolmentRow, FactorRow } from "../../src/database/schema.js";
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

  it("removes keys and subscriptions of phones that are no account's, and no others", async () => {
    const { database, factors, phoneKeys, pushSubscriptions, enrolments } = store();
    const owner = await anOwner(store());
    const [active, removed, asked, gone] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    for (const id of [active, removed, asked, gone]) {
      await phoneKeys.insert({ id, secretHash: randomUUID(), createdAt: at(0) });
      const keys = { p256dh: "p", auth: "a", vapid: "v" };
      await pushSubscriptions.replace({ factorId: id, endpoint: "https://example.com/", ...keys, createdAt: at(0) });
    }
    for (const id of [active, removed]) {
      const phone = { id, subscriberId: owner.subscriberId, type: "phone" as const, label: "", createdAt: at(0) };
      await factors.insert({ ...phone, providerId: id });
    }
    // As the release before this one removes a factor.
    await database.getRepository<FactorRow>("factor").update({ id: removed }, { state: "removed" });
    await database.getRepository<EnrolmentRow>("enrolment").insert({
      ...{ id: asked, subscriberId: owner.subscriberId, sessionId: "s", epoch: 1, type: "phone" },
      ...{ replacesFactor: false, state: "pending", version: 1, createdAt: at(0), expiresAt: at(60_000) },
    });

    await forgetOld(database, at(1000));

    for (const id of [active, asked]) assert.equal((await phoneKeys.find(id))?.id, id);
    for (const id of [removed, gone]) assert.equal(await phoneKeys.find(id), null);
    const left = await pushSubscriptions.findOf([active, removed, asked, gone]);
    assert.deepEqual(left.map(({ factorId }) => factorId).sort(), [active, asked].sort());
    assert.equal((await enrolments.find(asked))?.state, "pending");
  });
});
