import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import type { EnrolmentRow } from "../../src/database/schema.js";
import type { Deps } from "../../src/domain/deps.js";
import { removeAllFactors } from "../../src/domain/remove-factors.js";
import { settleEnrolment } from "../../src/domain/settle-enrolment.js";
import { newTally } from "../../src/http/tally.js";
import { anOwner, aSession, at, onBothDatabases, type Owner, type Store, whileRefused, winners } from "./both.js";

const AT = at(1000);

/** An account whose phone was removed again, its session of the present epoch, and a pending enrolment of that. */
async function enrolling(store: Store): Promise<{ owner: Owner; sessionId: string; enrolmentId: string }> {
  const owner = await anOwner(store);
  await store.factors.remove(owner.factorId, at(0));
  await store.subscribers.nextEpoch(owner.subscriberId);
  const epoch = 2;
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
      type: "authy-push" as const,
      replacesFactor: false,
      state: "pending" as const,
    },
    ...{ createdAt: at(0), expiresAt: at(300_000), nextPollAt: at(1500) },
    ...given,
  });
  assert.equal(isNew, true);
  return id;
}

/** Reports that the phone was scanned. @returns whether this report settled the enrolment. */
function scanned(store: Pick<Store, "enrolments" | "transaction">, id: string, providerId: string): Promise<boolean> {
  const quiet = () => Promise.resolve();
  return settleEnrolment(
    {
      ...{ enrolments: store.enrolments, transaction: store.transaction, now: () => AT },
      ...{
        feed: { publish: () => undefined, changed: () => undefined },
        polls: { schedule: quiet, forget: () => undefined, noticeLoss: () => Promise.resolve(false) },
      },
      tally: newTally(),
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    },
    id,
    { state: "completed", providerId },
    "webhook",
  );
}

async function epochOf({ subscribers }: Store, { subscriberId }: Owner): Promise<number | undefined> {
  return (await subscribers.find(subscriberId))?.epoch;
}

async function stateOf({ enrolments }: Store, id: string): Promise<string | undefined> {
  return (await enrolments.find(id))?.state;
}

onBothDatabases("completed enrolments", (store) => {
  it("R5: of two accounts one gets the phone; the other's enrolment ends as a conflict and changes nothing else", async () => {
    const { factors } = store();
    for (let round = 0; round < 10; round++) {
      const both = [await enrolling(store()), await enrolling(store())];
      const phone = both[0]?.owner.providerId ?? "";
      assert.equal(await winners(both.map(({ enrolmentId }) => scanned(store(), enrolmentId, phone))), 2);
      const states = await Promise.all(both.map(({ enrolmentId }) => stateOf(store(), enrolmentId)));
      assert.deepEqual(states.toSorted(), ["completed", "conflict"]);
      for (const [n, { owner }] of both.entries()) {
        const hasPhone = (await factors.listActive(owner.subscriberId)).length === 1;
        assert.equal(hasPhone, states[n] === "completed");
        assert.equal(await epochOf(store(), owner), hasPhone ? 3 : 2, "only the account that got the phone moves on");
      }
    }
  });

  it("T1: is completed once, however many report it together with its end", async () => {
    const { enrolments, audit, factors } = store();
    for (let round = 0; round < 10; round++) {
      const { enrolmentId: id, owner } = await enrolling(store());
      const won = await winners([
        ...Array.from({ length: 8 }, () => scanned(store(), id, owner.providerId)),
        enrolments.end(id, "cancelled", "person", AT),
        enrolments.end(id, "expired", "clock", AT),
      ]);
      assert.equal(won, 1);
      const isCompleted = (await stateOf(store(), id)) === "completed";
      assert.equal((await audit.list(owner.subscriberId, { limit: 10 })).length, isCompleted ? 1 : 0);
      assert.equal((await factors.listActive(owner.subscriberId)).length === 1, isCompleted);
      assert.equal(await epochOf(store(), owner), isCompleted ? 3 : 2);
    }
  });

  it("R6: binds no phone to a session that ended, idled, or belongs to a former epoch", async () => {
    const { sessions, subscribers, factors } = store();
    const spoil: [string, (owner: Owner, sessionId: string) => Promise<unknown>][] = [
      ["signed out", (owner, sessionId) => sessions.end(owner.subscriberId, sessionId, at(500))],
      ["password changed", (owner) => subscribers.changePassword(owner.subscriberId, "$old", "$new")],
      ["idle", (_owner, sessionId) => sessions.touch(sessionId, at(0), at(900), "")],
    ];
    for (const [why, spoilIt] of spoil) {
      const { enrolmentId, owner, sessionId } = await enrolling(store());
      await spoilIt(owner, sessionId);
      assert.equal(await scanned(store(), enrolmentId, owner.providerId), true, why);
      assert.equal(await stateOf(store(), enrolmentId), "cancelled", why);
      assert.deepEqual(await factors.listActive(owner.subscriberId), [], why);
    }
  });

  it("R6: binds no phone when the password is changed between two statements of the completion", async () => {
    const { enrolments, transaction, factors, sessions } = store();
    const { enrolmentId, owner, sessionId } = await enrolling(store());
    const interrupted: Store["transaction"] = (work) =>
      transaction((rows) => {
        const complete: typeof rows.enrolments.complete = async (...given) => {
          const isCompleted = await rows.enrolments.complete(...given);
          await rows.subscribers.changePassword(owner.subscriberId, "$old", "$new");
          return isCompleted;
        };
        return work({ ...rows, enrolments: { ...rows.enrolments, complete } });
      });
    await scanned({ enrolments, transaction: interrupted }, enrolmentId, owner.providerId);
    assert.equal(await stateOf(store(), enrolmentId), "cancelled");
    assert.deepEqual(await factors.listActive(owner.subscriberId), []);
    assert.deepEqual(await sessions.living([sessionId], AT), [sessionId], "nothing of the completion stays");
  });

  it("S5: ends every session but the enrolling one, and replaces the phone of before", async () => {
    const { sessions, factors } = store();
    const owner = await anOwner(store());
    const [sessionId, otherId] = [await aSession(store(), owner), await aSession(store(), owner)];
    const id = await anEnrolment(store(), owner, { sessionId, replacesFactor: true });
    assert.equal(await scanned(store(), id, `${owner.providerId}9`), true);
    assert.deepEqual(await sessions.living([sessionId, otherId], at(1001)), [sessionId]);
    assert.equal((await factors.find(owner.factorId))?.state, "removed");
    assert.equal((await factors.listActive(owner.subscriberId))[0]?.providerId, `${owner.providerId}9`);
  });

  it("T3: a phone that is replaced and removed at the same moment ends one way, and neither waits for the other", async () => {
    const { factors, sessions, transaction } = store();
    const inside = { settings: {} as Deps["settings"], now: () => AT };
    for (let round = 0; round < 30; round++) {
      const owner = await anOwner(store());
      const sessionId = await aSession(store(), owner);
      const id = await anEnrolment(store(), owner, { sessionId, replacesFactor: true });
      const removed = transaction((rows) =>
        removeAllFactors({ ...rows, ...inside }, owner.subscriberId, { address: "", browserLabel: "" }),
      );
      await Promise.all([scanned(store(), id, `${owner.providerId}9`), removed]);
      assert.equal((await factors.find(owner.factorId))?.state, "removed");
      assert.deepEqual(await sessions.living([sessionId], AT), [], "a removal ends every session");
      if ((await stateOf(store(), id)) === "cancelled")
        assert.deepEqual(await factors.listActive(owner.subscriberId), []);
    }
  });

  it("R5: keeps the present phone where the one that should replace it protects another account", async () => {
    const { factors, sessions } = store();
    const [owner, other] = [await anOwner(store()), await anOwner(store())];
    const sessionId = await aSession(store(), owner);
    const id = await anEnrolment(store(), owner, { sessionId, replacesFactor: true });
    assert.equal(await scanned(store(), id, other.providerId), true);
    assert.equal(await stateOf(store(), id), "conflict");
    assert.equal((await factors.listActive(owner.subscriberId))[0]?.id, owner.factorId);
    assert.deepEqual(await sessions.living([sessionId], at(1001)), [sessionId]);
  });

  it("tells the owner of the new phone, and forgets browsers that came in meanwhile", async () => {
    const { browsers, audit } = store();
    const { enrolmentId, owner } = await enrolling(store());
    const { subscriberId } = owner;
    const seen = { subscriberId, label: "", address: "" };
    for (const ms of [-1000, 500])
      await browsers.insert({ ...seen, id: randomUUID(), keyHash: `${ms}`, firstSeenAt: at(ms), lastSeenAt: at(ms) });
    await scanned(store(), enrolmentId, owner.providerId);
    const told = (await audit.list(subscriberId, { limit: 50 })).map(({ kind, detail }) => `${kind} by ${detail}`);
    assert.deepEqual(told, ["phone-enrolled by webhook"]);
    assert.deepEqual(
      (await browsers.list(subscriberId)).map(({ keyHash }) => keyHash),
      ["-1000"],
    );
  });

  it("adds no phone whose line in the history cannot be written", async () => {
    const { database, factors } = store();
    const { enrolmentId, owner } = await enrolling(store());
    await whileRefused(database, "INSERT ON audit_events", async () => {
      await assert.rejects(scanned(store(), enrolmentId, owner.providerId), /refused/);
    });
    assert.deepEqual(await factors.listActive(owner.subscriberId), []);
    assert.equal(await stateOf(store(), enrolmentId), "pending", "a later report completes it");
    assert.equal(await scanned(store(), enrolmentId, owner.providerId), true);
    assert.equal(await stateOf(store(), enrolmentId), "completed");
  });

  it("T9: gives one of many pollers the turn, and the next one only after release or lease", async () => {
    const { enrolments } = store();
    const { enrolmentId: id } = await enrolling(store());
    const lease = at(4000);
    assert.equal(await winners(Array.from({ length: 10 }, () => enrolments.claimPoll(id, at(0), lease))), 1);
    assert.equal(await enrolments.claimPoll(id, at(3999), at(8000)), false);
    await enrolments.releasePoll(id, lease, at(9000));
    assert.deepEqual((await enrolments.find(id))?.nextPollAt, at(9000));
    assert.equal(await enrolments.claimPoll(id, at(3999), at(7999)), true);
  });

  it("finds what is overdue and what is expired", async () => {
    const { enrolments } = store();
    const owner = await anOwner(store());
    const sessionId = await aSession(store(), owner);
    const id = await anEnrolment(store(), owner, { sessionId, nextPollAt: at(5_000_000), expiresAt: at(9_000_000) });
    const overdue = async (ms: number) => (await enrolments.findOverdue(at(ms), 1000)).some((row) => row.id === id);
    assert.deepEqual([await overdue(4_999_999), await overdue(5_000_000)], [false, true]);
    const expired = async (ms: number) => (await enrolments.findExpired(at(ms), 1000)).includes(id);
    assert.deepEqual([await expired(9_004_999), await expired(9_005_000)], [false, true]);
    await enrolments.end(id, "cancelled", "person", AT);
    assert.deepEqual([await overdue(5_000_000), await expired(9_005_000)], [false, false]);
  });
});
