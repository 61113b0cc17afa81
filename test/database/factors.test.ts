import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import type { Deps } from "../../src/domain/deps.js";
import { type Factor, prefersNoPush, ringing } from "../../src/domain/factor.js";
import type { Providers } from "../../src/domain/factor-provider.js";
import { preferFactor, removeFactor, removeFactorOf, renameFactor } from "../../src/domain/manage-factors.js";
import { hashSecret } from "../../src/domain/secrets.js";
import { type Session, signedIn } from "../../src/domain/session.js";
import { anAttempt, anOwner, aSession, at, onBothDatabases, type Owner, type Store } from "./both.js";

function depsOf(store: Store): Deps {
  const settings = { stepUpTtlSeconds: 300, sessionIdleSeconds: 1800, sessionMaxSeconds: 43_200 };
  return { ...store, settings, now: () => at(1000), log: { info: () => undefined } } as unknown as Deps;
}

/** Somebody with a phone and an app, signed in. */
async function ownerOfTwo(store: Store) {
  const owner = await anOwner(store);
  const appId = randomUUID();
  const app = { id: appId, subscriberId: owner.subscriberId, providerId: appId, label: "", createdAt: at(1) };
  await store.factors.insert({ ...app, type: "totp" });
  await store.totpSecrets.insert({ factorId: appId, sealed: "sealed", createdAt: at(1) });
  const key = `key of ${owner.subscriberId}`;
  const id = await aSession(store, owner, { keyHash: hashSecret(key) });
  const stored = await store.sessions.load(hashSecret(key), at(1));
  const session = stored && signedIn(stored);
  assert.ok(session);
  const browser = { address: "", browserLabel: "", knownKey: null, sessionKeyHash: hashSecret(key) };
  return { owner, appId, session, sessionId: id, browser };
}

async function grant(store: Store, owner: Owner, session: Session, about: string): Promise<void> {
  const id = await anAttempt(store, owner, { purpose: "remove-factor", sessionId: session.id, next: about });
  assert.equal(await store.attempts.grant(id, at(500)), true);
}

async function aFactor({ factors }: Store, id: string): Promise<Factor> {
  const factor = await factors.find(id);
  assert.ok(factor);
  return factor;
}

async function toldTo({ audit }: Store, { subscriberId }: Owner): Promise<string[]> {
  return (await audit.list(subscriberId, { limit: 9 })).map(({ kind, detail }) => `${kind}: ${detail}`);
}

async function idsOf({ factors }: Store, { subscriberId }: Owner): Promise<string[]> {
  return (await factors.listActive(subscriberId)).map(({ id }) => id);
}

onBothDatabases("one of several factors", (store) => {
  it("is removed by a step-up that names it, with its secret, and ends every other session", async () => {
    const { owner, appId, session, browser } = await ownerOfTwo(store());
    const other = await aSession(store(), owner);
    await grant(store(), owner, session, appId);
    const renewed = await removeFactor(depsOf(store()), session, appId, browser);
    assert.equal(renewed?.session.level, 2);
    assert.deepEqual(await idsOf(store(), owner), [owner.factorId]);
    assert.equal(await store().totpSecrets.find(appId), null);
    assert.deepEqual(await store().sessions.living([session.id, other], at(1001)), [session.id]);
    const [told] = await store().audit.list(owner.subscriberId, { limit: 5 });
    assert.deepEqual([told?.kind, told?.detail], ["phone-removed", "totp"]);
  });

  it("PH6: is not removed by a step-up that names another one, nor is somebody else's", async () => {
    const { owner, appId, session, browser } = await ownerOfTwo(store());
    const { owner: stranger } = await ownerOfTwo(store());
    await grant(store(), owner, session, owner.factorId);
    assert.equal(await removeFactor(depsOf(store()), session, appId, browser), null);
    await grant(store(), owner, session, stranger.factorId);
    assert.equal(await removeFactor(depsOf(store()), session, stranger.factorId, browser), null);
    assert.equal((await idsOf(store(), owner)).length + (await idsOf(store(), stranger)).length, 4);
  });

  it("is left as the last one by two removals at once, and goes only with two-factor sign-in itself", async () => {
    const { owner, appId, session, browser } = await ownerOfTwo(store());
    const subscriber = await store().subscribers.find(owner.subscriberId);
    assert.ok(subscriber);
    await grant(store(), owner, session, appId);
    await Promise.all([
      removeFactor(depsOf(store()), session, appId, browser),
      store().transaction(async (rows) => {
        await rows.subscribers.nextEpoch(owner.subscriberId);
        if ((await rows.factors.listActive(owner.subscriberId)).length > 1)
          await rows.factors.remove(owner.factorId, at(2));
      }),
    ]);
    const [left] = await idsOf(store(), owner);
    assert.equal((await idsOf(store(), owner)).length, 1);
    await grant(store(), owner, session, left ?? "");
    assert.equal(await removeFactor(depsOf(store()), session, left ?? "", browser), null);
  });

  it("is removed by an operator, the last one with the recovery codes", async () => {
    const { owner, appId } = await ownerOfTwo(store());
    const deps = { ...depsOf(store()), settings: {} } as unknown as Deps;
    const subscriber = await store().subscribers.find(owner.subscriberId);
    assert.ok(subscriber);
    await store().recoveryCodes.replace(owner.subscriberId, ["one"], at(0));
    assert.equal(await removeFactorOf(deps, subscriber, randomUUID()), false);
    assert.equal(await removeFactorOf(deps, subscriber, appId), true);
    assert.deepEqual(await toldTo(store(), owner), ["phone-removed: totp operator"]);
    assert.equal(await store().recoveryCodes.countLeft(owner.subscriberId), 1);
    assert.equal(await removeFactorOf(deps, subscriber, owner.factorId), true);
    assert.equal(await store().recoveryCodes.countLeft(owner.subscriberId), 0);
    assert.deepEqual(await idsOf(store(), owner), []);
    assert.ok((await toldTo(store(), owner)).includes("phone-removed: operator"));
  });

  it("gets a name, and is the one to begin with, alone", async () => {
    const { owner, appId } = await ownerOfTwo(store());
    const asks = { send: () => Promise.reject(new Error()) };
    const providers = { totp: { enrols: {} }, "authy-push": { asks, enrols: {} } } as unknown as Providers;
    const deps = depsOf(store());
    const elsewhere = { address: "192.0.2.7", browserLabel: "Firefox on Linux" };
    const [phone, app] = [await aFactor(store(), owner.factorId), await aFactor(store(), appId)];
    assert.equal(await renameFactor(deps, app, "  My \u202e app\n", elsewhere), true);
    assert.equal(await renameFactor(deps, await aFactor(store(), appId), "My app", elsewhere), true);
    assert.equal((await store().factors.find(appId))?.label, "My app");
    const prefers = async (): Promise<boolean> =>
      prefersNoPush(await store().factors.listActive(owner.subscriberId), providers);
    for (const { id, ...factor } of [app, phone]) {
      assert.equal(await preferFactor(deps, { id, ...factor }, elsewhere), true);
      const active = await store().factors.listActive(owner.subscriberId);
      assert.deepEqual(
        active.filter(({ isPreferred }) => isPreferred).map((factor) => factor.id),
        [id],
      );
      assert.equal(await prefers(), id === appId);
      assert.deepEqual(
        ringing(active, providers).map((factor) => factor.id),
        [owner.factorId],
      );
    }
    assert.equal(await preferFactor(deps, { ...app, subscriberId: randomUUID() }, elsewhere), false);
    // What changes nothing is not told.
    assert.equal(await preferFactor(deps, await aFactor(store(), owner.factorId), elsewhere), true);
    const told = await store().audit.list(owner.subscriberId, { limit: 9 });
    assert.deepEqual(told.map(({ kind, detail, address }) => `${kind}: ${detail} ${address}`).sort(), [
      "phone-enrolled: preferred 192.0.2.7",
      "phone-enrolled: totp preferred 192.0.2.7",
      "phone-enrolled: totp renamed 192.0.2.7",
    ]);
  });
});
