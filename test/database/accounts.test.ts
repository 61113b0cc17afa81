import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import { type EnrolmentRow } from "../../src/database/schema.js";
import {
  anOwner,
  aChallenge,
  aSession,
  at,
  onBothDatabases,
  type Owner,
  type Store,
  whileRefused,
  winners,
} from "./both.js";

/** An account whose phone was removed again, its session of the present epoch, and a pending enrolment of that. */
async function enrolling(store: Store): Promise<{ owner: Owner; sessionId: string; enrolmentId: string }> {
  const owner = await anOwner(store);
  const epoch = (await store.factors.remove(owner.subscriberId, at(0))) ?? 0;
  const sessionId = await aSession(store, owner, { epoch });
  return { owner, sessionId, enrolmentId: await anEnrolment(store, owner, { sessionId, epoch }) };
}

async function anEnrolment(store: Store, owner: Owner, given: Partial<EnrolmentRow>): Promise<string> {
  const id = randomUUID();
  const isNew = await store.enrolments.insert({
    ...{
      id,
      subscriberId: owner.subscriberId,
      sessionId: "",
      epoch: 1,
      replacesFactor: false,
      state: "pending" as const,
    },
    ...{ createdAt: at(0), expiresAt: at(300_000), nextPollAt: at(1500) },
    ...given,
  });
  assert.equal(isNew, true);
  return id;
}

async function epochOf({ subscribers }: Store, { subscriberId }: Owner): Promise<number | undefined> {
  return (await subscribers.find(subscriberId))?.epoch;
}

onBothDatabases("accounts, sessions and phones", (store) => {
  it("R5: lets one of two accounts have a phone, and nothing of the other's completion stays", async () => {
    const { enrolments, factors } = store();
    const [first, second] = [await enrolling(store()), await enrolling(store())];
    const phone = first.owner.providerId;
    const ended = await Promise.all(
      [first, second].map(({ enrolmentId }) => enrolments.complete(enrolmentId, phone, "poll", at(1000))),
    );
    assert.deepEqual(ended.sort(), ["completed", "conflict"]);
    const [winner, loser] = ended[0] === "completed" ? [first, second] : [second, first];
    const owners = await Promise.all([winner, loser].map(({ owner }) => factors.findActive(owner.subscriberId)));
    assert.equal(owners.filter((factor) => factor !== null).length, 1);
    const states = await Promise.all([first, second].map(({ enrolmentId }) => enrolments.find(enrolmentId)));
    assert.deepEqual(states.map((row) => row?.state).sort(), ["completed", "pending"]);
    const epochs = await Promise.all([first, second].map(({ owner }) => epochOf(store(), owner)));
    assert.deepEqual(epochs.sort(), [2, 3], "only the account that got the phone moves on");
  });

  it("T1: completes an enrolment once, however many report it", async () => {
    const { enrolments } = store();
    const { enrolmentId, owner } = await enrolling(store());
    const ended = await Promise.all(
      Array.from({ length: 10 }, () => enrolments.complete(enrolmentId, owner.providerId, "webhook", at(1000))),
    );
    assert.equal(ended.filter((each) => each === "completed").length, 1);
    assert.equal(ended.filter((each) => each === "lost").length, 9);
    assert.equal(await epochOf(store(), owner), 3);
  });

  it("R6: does not activate a phone whose session ended, idled, or belongs to a former epoch", async () => {
    const { enrolments, sessions, subscribers, factors } = store();
    const spoil: [string, (owner: Owner, sessionId: string) => Promise<unknown>][] = [
      ["signed out", (owner, sessionId) => sessions.end(owner.subscriberId, sessionId, at(500))],
      ["password changed", (owner) => subscribers.changePassword(owner.subscriberId, "$old", "$new")],
      ["idle", (_owner, sessionId) => sessions.touch(sessionId, at(0), at(900), "")],
    ];
    for (const [why, spoilIt] of spoil) {
      const { enrolmentId, owner, sessionId } = await enrolling(store());
      await spoilIt(owner, sessionId);
      assert.equal(await enrolments.complete(enrolmentId, owner.providerId, "poll", at(1000)), "stale", why);
      assert.equal(await factors.findActive(owner.subscriberId), null, why);
      assert.equal((await enrolments.find(enrolmentId))?.state, "pending", why);
    }
  });

  it("S5: keeps the enrolling session alone when a phone is added, and replaces the phone of before", async () => {
    const { enrolments, sessions, factors } = store();
    const owner = await anOwner(store());
    const [sessionId, otherId] = [await aSession(store(), owner), await aSession(store(), owner)];
    const id = await anEnrolment(store(), owner, { sessionId, replacesFactor: true });
    assert.equal(await enrolments.complete(id, `${owner.providerId}9`, "poll", at(1000)), "completed");
    assert.deepEqual(await sessions.living([sessionId, otherId], at(1001)), [sessionId]);
    assert.equal((await factors.find(owner.factorId))?.state, "removed");
    assert.equal((await factors.findActive(owner.subscriberId))?.providerId, `${owner.providerId}9`);
  });

  it("tells the owner of a new phone, and forgets who came in meanwhile, in the same step", async () => {
    const { enrolments, browsers, audit } = store();
    const { enrolmentId, owner } = await enrolling(store());
    const { subscriberId } = owner;
    const seen = { subscriberId, label: "", address: "" };
    for (const ms of [-1000, 500])
      await browsers.insert({ ...seen, id: randomUUID(), keyHash: `${ms}`, firstSeenAt: at(ms), lastSeenAt: at(ms) });
    await enrolments.complete(enrolmentId, owner.providerId, "webhook", at(1000));
    const told = (await audit.list(subscriberId, 50)).map(({ kind, detail }) => `${kind} by ${detail}`);
    assert.deepEqual(told, ["phone-enrolled by webhook"]);
    assert.deepEqual(
      (await browsers.list(subscriberId)).map(({ keyHash }) => keyHash),
      ["-1000"],
    );
  });

  it("adds no phone that its owner could not be told of", async () => {
    const { database, enrolments, factors } = store();
    const { enrolmentId, owner } = await enrolling(store());
    await whileRefused(database, "INSERT ON audit_events", async () => {
      await assert.rejects(enrolments.complete(enrolmentId, owner.providerId, "poll", at(1000)), /refused/);
    });
    assert.equal(await factors.findActive(owner.subscriberId), null);
    assert.equal(await enrolments.complete(enrolmentId, owner.providerId, "poll", at(1000)), "completed");
  });

  it("F13: a crash while a session takes another's place leaves the one before", async () => {
    const { database, sessions } = store();
    const owner = await anOwner(store());
    const challengeId = randomUUID();
    const first = await aSession(store(), owner, { challengeId });
    await whileRefused(database, "INSERT ON sessions", async () => {
      await assert.rejects(aSession(store(), owner, { challengeId }), /refused/);
    });
    assert.deepEqual(await sessions.living([first], at(1)), [first]);
    const second = await aSession(store(), owner, { challengeId });
    assert.deepEqual(await sessions.living([first, second], at(1)), [second]);
  });

  it("removes a phone once, with the account's next epoch", async () => {
    const { factors, recoveryCodes } = store();
    const owner = await anOwner(store());
    await recoveryCodes.replace(owner.subscriberId, ["one", "two"], at(0));
    const removed = await Promise.all(Array.from({ length: 8 }, () => factors.remove(owner.subscriberId, at(1000))));
    assert.deepEqual(
      removed.filter((epoch) => epoch !== null),
      [2],
    );
    assert.equal(await epochOf(store(), owner), 2);
    assert.equal(await recoveryCodes.countLeft(owner.subscriberId), 0, "its recovery codes are gone with it");
    assert.ok((await factors.findForgotten(1000)).some(({ id }) => id === owner.factorId));
    assert.equal(await factors.isActiveAnywhere(owner.providerId), false);
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
    await sessions.keep(key, '{"flashes":[]}');
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

  it("T4: keeps one living session for each approval; the later answer's stays", async () => {
    const { sessions, database } = store();
    const owner = await anOwner(store());
    const challengeId = await aChallenge(store(), owner);
    const first = await aSession(store(), owner, { challengeId });
    const second = await aSession(store(), owner, { challengeId, createdAt: at(10) });
    assert.deepEqual(await sessions.living([first, second], at(20)), [second]);
    const rows = await database.getRepository("session").countBy({ challengeId });
    assert.equal(rows, 2);
  });

  it("A4, A9: counts every failure once, however many come together, and makes them wait", async () => {
    const { failures } = store();
    const limits = { limit: 100, waitSeconds: 30, maxWaitSeconds: 3600 };
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
    const limits = { limit: 100, waitSeconds: 30, maxWaitSeconds: 3600 };
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
    const beside = owners.map(({ subscriberId }) => subscribers.noteSuccess(subscriberId, at(7000), true));
    await Promise.all([...failing, ...beside]);
    for (const { subscriberId } of owners) {
      const row = await subscribers.find(subscriberId);
      assert.equal(row?.epoch, 1);
      assert.deepEqual(row.lastSuccessAt, at(7000));
    }
  });
});
