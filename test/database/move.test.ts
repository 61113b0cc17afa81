import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import type { Attempt, Purpose } from "../../src/domain/attempt.js";
import type { Deps } from "../../src/domain/deps.js";
import { finishLogin, finishStepUp, type Proof } from "../../src/domain/finish-attempt.js";
import { judgeCode } from "../../src/domain/judge-code.js";
import { removeFactor } from "../../src/domain/manage-factors.js";
import { isMoveDue, mayMove, moveLater } from "../../src/domain/move-from-authy.js";
import type { SessionBrowser } from "../../src/domain/open-session.js";
import { hashRecoveryCode, newRecoveryCodes } from "../../src/domain/recovery-code.js";
import { hashSecret } from "../../src/domain/secrets.js";
import { type Session, signedIn } from "../../src/domain/session.js";
import type { Subscriber } from "../../src/domain/subscriber.js";
import { newTally } from "../../src/http/tally.js";
import { aChallenge, anAttempt, anOwner, aSession, at, onBothDatabases, type Owner, type Store } from "./both.js";

const WEEK_MS = 7 * 86_400_000;
const DAY_MS = 86_400_000;

/** The rules over the rows of a database, where people move as they are told. */
function depsOf(store: Store, moveFromAuthy: "offer" | "require" | "off", ms = 10_000): Deps {
  const settings = { ...{ approvedTtlSeconds: 60, stepUpTtlSeconds: 300 }, sessionIdleSeconds: 1800, moveFromAuthy };
  return {
    ...store,
    ...{ settings: { ...settings, sessionMaxSeconds: 43_200 }, now: () => at(ms), log: { info: () => undefined } },
    tally: newTally(),
    ...{ feed: { publish: () => undefined }, polls: { forget: () => undefined } },
    providers: { "authy-push": {}, phone: {} },
  } as unknown as Deps;
}

interface Mover {
  readonly owner: Owner;
  readonly phoneId: string;
  readonly session: Session;
  readonly browser: SessionBrowser;
}

/** Somebody who has Authy still, and a phone of their own that is to take its place; signed in. */
async function mover(store: Store): Promise<Mover> {
  const owner = await anOwner(store);
  const [phoneId, key] = [randomUUID(), `key of ${owner.subscriberId}`];
  await store.factors.insert({
    ...{ id: phoneId, subscriberId: owner.subscriberId, type: "phone", providerId: hashSecret(phoneId), label: "" },
    ...{ createdAt: at(1), replacesId: owner.factorId },
  });
  await aSession(store, owner, { keyHash: hashSecret(key) });
  const stored = await store.sessions.load(hashSecret(key), at(1));
  const session = stored && signedIn(stored);
  assert.ok(session);
  return { owner, phoneId, session, browser: { ...NOWHERE, sessionKeyHash: hashSecret(key), knownKey: null } };
}

const NOWHERE = { address: "192.0.2.7", browserLabel: "" };

/** An attempt that the phone has approved, and its proof. */
async function approved(
  store: Store,
  { owner, phoneId, session }: Mover,
  purpose: Purpose,
): Promise<{ attempt: Attempt; proof: Proof }> {
  const epoch = (await store.subscribers.find(owner.subscriberId))?.epoch ?? 0;
  const attemptId = await anAttempt(store, owner, {
    ...{ purpose, epoch, sessionId: purpose === "sign-in" ? null : session.id },
  });
  const id = await aChallenge(store, owner, { attemptId, factorType: "phone", factorId: phoneId });
  await store.challenges.settle(id, "approved", "callback", at(5000), { answeredBy: phoneId });
  const [attempt, challenge] = [await store.attempts.find(attemptId), await store.challenges.find(id)];
  assert.ok(attempt && challenge);
  return { attempt, proof: { kind: "approval", challenge } };
}

async function activeTypes({ factors }: Store, { subscriberId }: Owner): Promise<string[]> {
  return (await factors.listActive(subscriberId)).map(({ type }) => type);
}

async function accountOf({ subscribers }: Store, { subscriberId }: Owner): Promise<Subscriber> {
  const account = await subscribers.find(subscriberId);
  assert.ok(account);
  return account;
}

onBothDatabases("moving over from Authy", (store) => {
  it("PH20: leaves the old factor until the new one has approved a sign-in, which a step-up is not", async () => {
    const moving = await mover(store());
    const { owner, session } = moving;
    let { browser } = moving;
    const deps = depsOf(store(), "offer");
    const remove = async () => {
      const grant = await anAttempt(store(), owner, {
        purpose: "remove-factor",
        sessionId: session.id,
        next: owner.factorId,
      });
      assert.equal(await store().attempts.grant(grant, at(9000)), true);
      return removeFactor(deps, session, owner.factorId, browser);
    };
    assert.equal(await remove(), null);
    const stepUp = await approved(store(), moving, "change-password");
    const renewed = await finishStepUp(deps, stepUp.attempt, session, stepUp.proof, browser);
    assert.ok(renewed);
    browser = { ...browser, sessionKeyHash: hashSecret(renewed.key) };
    assert.equal(await remove(), null);
    assert.deepEqual(await activeTypes(store(), owner), ["authy-push", "phone"]);

    const signIn = await approved(store(), moving, "sign-in");
    assert.ok(await finishLogin(deps, signIn.attempt, signIn.proof, { ...browser, sessionKeyHash: null }));
    assert.deepEqual(await activeTypes(store(), owner), ["authy-push", "phone"], "where it is offered, it may stay");
    assert.ok(await remove());
    assert.deepEqual(await activeTypes(store(), owner), ["phone"]);
  });

  it("PH20: removes the old factor with the new one's first sign-in where that is required, and ends other sessions", async () => {
    const moving = await mover(store());
    const { owner, session, browser } = moving;
    const deps = depsOf(store(), "require");
    const { attempt, proof } = await approved(store(), moving, "sign-in");
    const elsewhere = { ...browser, sessionKeyHash: null };
    const opened = await finishLogin(deps, attempt, proof, elsewhere);
    assert.ok(opened);
    assert.deepEqual(await activeTypes(store(), owner), ["phone"]);
    const living = await store().sessions.living([session.id, opened.session.id], at(10_001));
    assert.deepEqual(living, [opened.session.id]);
    const told = await store().audit.list(owner.subscriberId, { limit: 9 });
    assert.ok(told.some(({ kind, detail }) => kind === "phone-removed" && detail === "moved"));

    const again = await finishLogin(deps, attempt, null, elsewhere);
    assert.equal(again?.session.id, opened.session.id, "a lost reply is made up for as ever");
  });

  it("PH20: removes no factor whose place nothing takes, nor one that another mode left before it is required", async () => {
    const moving = await mover(store());
    const { owner, phoneId, browser } = moving;
    await store().database.query(`UPDATE factors SET replaces_id = NULL WHERE id = '${phoneId}'`);
    const beside = await approved(store(), moving, "sign-in");
    assert.ok(await finishLogin(depsOf(store(), "require"), beside.attempt, beside.proof, browser));
    assert.deepEqual(await activeTypes(store(), owner), ["authy-push", "phone"]);

    await store().database.query(`UPDATE factors SET replaces_id = '${owner.factorId}' WHERE id = '${phoneId}'`);
    for (const [mode, left] of [
      ["offer", ["authy-push", "phone"]],
      ["require", ["phone"]],
    ] as const) {
      const { attempt, proof } = await approved(store(), moving, "sign-in");
      assert.ok(await finishLogin(depsOf(store(), mode), attempt, proof, browser));
      assert.deepEqual(await activeTypes(store(), owner), left);
    }
  });

  it("PH20: has its consent from the phone that is asked, and from no code", async () => {
    const owner = await anOwner(store());
    const [code = ""] = newRecoveryCodes();
    await store().recoveryCodes.replace(owner.subscriberId, [hashRecoveryCode(code)], at(0));
    const limits = { failureLimit: 0, failureWaitSeconds: 0, failureWaitMaxSeconds: 0 };
    const deps = { ...depsOf(store(), "offer"), settings: { ...depsOf(store(), "offer").settings, ...limits } };
    const judge = async (purpose: Purpose): Promise<string> => {
      const attempt = await store().attempts.find(await anAttempt(store(), owner, { purpose }));
      assert.ok(attempt);
      return (await judgeCode(deps, attempt, code)).kind;
    };
    assert.deepEqual([await judge("add-factor"), await judge("move-from-authy")], ["right", "over"]);
  });

  it("is asked of those for whom Authy alone rings, and rests for a week when it is put off", async () => {
    const owner = await anOwner(store());
    const authy = await store().factors.listActive(owner.subscriberId);
    for (const mode of ["offer", "require"] as const) {
      assert.equal(mayMove(depsOf(store(), mode), authy), true);
      assert.equal(mayMove(depsOf(store(), mode), [{ type: "authy-push" }, { type: "totp" }]), true);
      assert.equal(mayMove(depsOf(store(), mode), [{ type: "authy-push" }, { type: "phone" }]), false);
      assert.equal(mayMove(depsOf(store(), mode), [{ type: "totp" }]), false);
      for (const providers of [{ "authy-push": {} }, { phone: {} }] as unknown as Deps["providers"][])
        assert.equal(mayMove({ ...depsOf(store(), mode), providers }, authy), false);
    }
    assert.equal(mayMove(depsOf(store(), "off"), authy), false);

    const isDue = async (ms: number): Promise<boolean> =>
      isMoveDue(depsOf(store(), "offer", ms), await accountOf(store(), owner), authy);
    assert.equal(await moveLater(depsOf(store(), "require"), owner.subscriberId), false);
    assert.equal(await isDue(10_000), true);
    assert.equal(await moveLater(depsOf(store(), "offer"), owner.subscriberId), true);
    assert.deepEqual([await isDue(10_000 + WEEK_MS - 1), await isDue(10_000 + WEEK_MS)], [false, true]);
  });

  it("is led past by a recovery code for a day where it is required", async () => {
    const owner = await anOwner(store());
    const authy = await store().factors.listActive(owner.subscriberId);
    await store().recoveryCodes.replace(owner.subscriberId, ["a code"], at(0));
    const attempt = await store().attempts.find(await anAttempt(store(), owner));
    assert.ok(attempt);
    const browser = { ...NOWHERE, sessionKeyHash: null, knownKey: null };
    const deps = depsOf(store(), "require");
    assert.ok(await finishLogin(deps, attempt, { kind: "recovery code", codeHash: "a code" }, browser));
    const isDue = async (ms: number): Promise<boolean> =>
      isMoveDue(depsOf(store(), "require", ms), await accountOf(store(), owner), authy);
    assert.deepEqual([await isDue(10_000 + DAY_MS - 1), await isDue(10_000 + DAY_MS)], [false, true]);
  });
});
