import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import { allOrNothing } from "../../src/domain/all-or-nothing.js";
import type { Deps } from "../../src/domain/deps.js";
import { removeAllFactors } from "../../src/domain/remove-factors.js";
import { anOwner, aSession, at, onBothDatabases, type Owner, type Store, winners } from "./both.js";

const NOWHERE = { address: "", browserLabel: "" };

async function epochOf({ subscribers }: Store, { subscriberId }: Owner): Promise<number | undefined> {
  return (await subscribers.find(subscriberId))?.epoch;
}

onBothDatabases("accounts, sessions and phones", (store) => {
  it("removes a phone once, with the account's next epoch", async () => {
    const { factors, recoveryCodes, transaction } = store();
    const owner = await anOwner(store());
    const deps = { transaction, settings: {} as Deps["settings"], now: () => at(1000) };
    await recoveryCodes.replace(owner.subscriberId, ["one", "two"], at(0));
    const removals = Array.from({ length: 8 }, () =>
      allOrNothing(deps, async (inside) => (await removeAllFactors(inside, owner.subscriberId, NOWHERE)) || null),
    );
    assert.equal(await winners(removals), 1);
    assert.equal(await epochOf(store(), owner), 2);
    assert.equal(await recoveryCodes.countLeft(owner.subscriberId), 0, "its recovery codes are gone with it");
    assert.ok((await factors.findForgotten(["authy-push"], 1000)).some(({ id }) => id === owner.factorId));
    assert.equal(await factors.isActiveAnywhere("authy-push", owner.providerId), false);
  });

  it("A16: changes a password once for each old one", async () => {
    const { subscribers } = store();
    const { subscriberId } = await anOwner(store());
    const changed = await Promise.all(
      ["$a", "$b", "$c"].map((next) => subscribers.changePassword(subscriberId, "$old", next)),
    );
    assert.deepEqual(
      changed.filter((epoch) => epoch !== null),
      [2],
    );
  });

  it("S3: never lets an ended session live again", async () => {
    const { sessions } = store();
    const owner = await anOwner(store());
    const id = await aSession(store(), owner);
    const key = `key of ${id}`;
    assert.equal((await sessions.load(key, at(1)))?.id, id);
    await sessions.endByKey(key, at(1));
    await sessions.keepData(id, '{"flashes":[]}');
    await sessions.touch(id, at(2), at(9_000_000), "");
    assert.equal(await sessions.load(key, at(3)), null);
    assert.deepEqual(await sessions.list(owner.subscriberId, at(3)), []);
  });

  it("S7: ends sessions that idle, grow old, or are of a former epoch", async () => {
    const { sessions, subscribers } = store();
    const owner = await anOwner(store());
    const id = await aSession(store(), owner, { idleUntil: at(1000), expiresAt: at(5000) });
    assert.deepEqual(await sessions.living([id], at(999)), [id]);
    assert.deepEqual(await sessions.living([id], at(1000)), []);
    await sessions.touch(id, at(999), at(100_000), "");
    assert.deepEqual(await sessions.living([id], at(5000)), []);
    assert.deepEqual(await sessions.living([id], at(4000)), [id]);
    await subscribers.nextEpoch(owner.subscriberId);
    assert.deepEqual(await sessions.living([id], at(4000)), []);
  });

  it("S1: opens nothing with a former key, and gives an ended session no other one", async () => {
    const { sessions } = store();
    const owner = await anOwner(store());
    const id = await aSession(store(), owner);
    const [former, key] = [`key of ${id}`, `new key of ${id}`];
    assert.equal(await sessions.renew(id, { keyHash: "another" }, { keyHash: key }), false, "for another's key");
    assert.equal(await sessions.renew(id, { keyHash: former, epoch: 1 }, { keyHash: key }), true);
    assert.equal(await sessions.load(former, at(1)), null);
    assert.equal((await sessions.load(key, at(1)))?.id, id);
    await sessions.end(owner.subscriberId, id, at(1));
    assert.equal(await sessions.renew(id, { keyHash: key }, { keyHash: former }), false);
    assert.equal(await sessions.load(former, at(2)), null);
  });

  it("A4, A9: counts every failure once, however many come together, and makes them wait", async () => {
    const { failures } = store();
    const limits = { failureLimit: 100, failureWaitSeconds: 30, failureWaitMaxSeconds: 3600 };
    const bucket = randomUUID();
    const taken = await Promise.all(Array.from({ length: 25 }, () => failures.take(bucket, at(0), limits)));
    assert.equal(taken.filter((wait) => wait === null).length, 5, "five may be judged at once");
    assert.equal(await failures.take(bucket, at(29_000), limits), 1);
    assert.equal(await failures.take(bucket, at(30_000), limits), null);
    assert.equal(await failures.take(bucket, at(31_000), limits), 59, "and the next one waits twice as long");
    await failures.clear(bucket);
    assert.equal(await failures.take(bucket, at(31_000), limits), null);
  });

  it("A4: takes tries that cross, also when one was counted a moment later than another one began", async () => {
    const { failures } = store();
    const limits = { failureLimit: 100, failureWaitSeconds: 30, failureWaitMaxSeconds: 3600 };
    const bucket = `name:${randomUUID()}`;
    assert.equal(await failures.take(bucket, at(40), limits), null);
    assert.equal(await failures.take(bucket, at(0), limits), null);
  });

  it("W4: knows a callback by its signature, and keeps the first of a request", async () => {
    const { receipts } = store();
    const receipt = (signatureHash: string, status: "approved" | "denied", receivedAt: Date) =>
      receipts.insert({ signatureHash, providerRef: signatureHash.slice(0, 5), providerId: "1", status, receivedAt });
    const name = randomUUID();
    assert.equal(await winners(Array.from({ length: 10 }, () => receipt(name, "approved", at(1)))), 1);
    assert.equal(await receipt(`${name}x`, "denied", at(2)), true);
    assert.equal((await receipts.findByProviderRef(name.slice(0, 5)))?.status, "approved");
  });

  it("spends a recovery code once", async () => {
    const { recoveryCodes } = store();
    const { subscriberId } = await anOwner(store());
    await recoveryCodes.replace(subscriberId, ["a", "b"], at(0));
    const spent = Array.from({ length: 10 }, () => recoveryCodes.spend(subscriberId, "a", at(1)));
    assert.equal(await winners(spent), 1);
    assert.equal(await recoveryCodes.countLeft(subscriberId), 1);
  });

  it("leaves nothing behind of a transaction that failed, nor of the writes beside it", async () => {
    const { database, subscribers } = store();
    const owners = await Promise.all(Array.from({ length: 10 }, () => anOwner(store())));
    const failing = owners.map(({ subscriberId }) =>
      database
        .transaction(async (manager) => {
          await manager.getRepository("subscriber").increment({ id: subscriberId }, "epoch", 1);
          await new Promise((resolve) => setImmediate(resolve));
          throw new Error("given up");
        })
        .catch(() => false),
    );
    const beside = owners.map(({ subscriberId }) => subscribers.noteSuccess(subscriberId, 1, true, at(7000)));
    await Promise.all([...failing, ...beside]);
    for (const { subscriberId } of owners) {
      const row = await subscribers.find(subscriberId);
      assert.equal(row?.epoch, 1);
      assert.deepEqual(row.lastSuccessAt, at(7000));
    }
  });
});
