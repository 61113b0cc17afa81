import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import { type Challenges, MOVES, type ChallengeState, type Outcome } from "../../src/domain/challenge.js";
import type { Deps } from "../../src/domain/deps.js";
import { pushPause } from "../../src/domain/start-challenge.js";
import { aChallenge, anAttempt, anOwner, at, onBothDatabases, winners } from "./both.js";

const OUTCOMES: readonly Outcome[] = ["approved", "denied", "expired", "superseded", "cancelled", "failed"];
/** The clock may call a challenge of two minutes expired from here on; until here an answer counts. */
const END = 125_000;

onBothDatabases("challenges", (store) => {
  /** Whether it was this one that gave a challenge its outcome. */
  const settles = async (...given: Parameters<Challenges["settle"]>): Promise<boolean> =>
    (await store().challenges.settle(...given)) !== null;

  it("T1: gives one arrow out of pending when callback, poll, clock and person report at once", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    for (let round = 0; round < 50; round++) {
      const id = await aChallenge(store(), owner);
      const won = await winners([
        settles(id, "approved", "callback", at(1000)),
        settles(id, "denied", "poll", at(1000)),
        settles(id, "superseded", "person", at(1000)),
        settles(id, "cancelled", "person", at(1000)),
        settles(id, "approved", "poll", at(1001)),
        settles(id, "expired", "clock", at(END + 1)),
      ]);
      assert.equal(won, 1);
      assert.equal((await challenges.find(id))?.version, 2);
    }
  });

  it("PH7: settles once when phones, the clock and a cancel come at once, and names the phone that answered", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    for (let round = 0; round < 50; round++) {
      const id = await aChallenge(store(), owner);
      const phones = ["one", "two", "three"];
      const answers = phones.map((answeredBy, place) =>
        challenges.settle(id, place === 1 ? "denied" : "approved", "callback", at(1000), { answeredBy }),
      );
      const won = await winners([
        ...answers.map(async (answer) => (await answer) !== null),
        settles(id, "cancelled", "person", at(1000)),
        settles(id, "expired", "clock", at(END + 1)),
      ]);
      assert.equal(won, 1);
      const first = (await Promise.all(answers)).findIndex((settled) => settled !== null);
      const row = await challenges.find(id);
      assert.equal(row?.answeredBy, phones[first] ?? null);
      assert.equal(row.state === "denied", first === 1);
    }
  });

  it("moves along every arrow of the table and along no other", async () => {
    const { challenges, database } = store();
    const owner = await anOwner(store());
    for (const from of Object.keys(MOVES) as ChallengeState[])
      for (const to of OUTCOMES) {
        const id = await aChallenge(store(), owner);
        await database.getRepository("challenge").update({ id }, { state: from });
        const when = to === "expired" ? at(END) : at(1000);
        const allowed = MOVES[from].includes(to) && (from === "creating" || from === "pending");
        assert.equal(await settles(id, to, "clock", when), allowed, `${from} → ${to}`);
        assert.equal((await challenges.find(id))?.state, allowed ? to : from);
      }
  });

  it("T2: takes an answer until the clock may call it too late, and none afterwards", async () => {
    const owner = await anOwner(store());
    const [inTime, late] = [await aChallenge(store(), owner), await aChallenge(store(), owner)];
    assert.equal(await settles(inTime, "approved", "poll", at(END - 1)), true);
    assert.equal(await settles(late, "approved", "callback", at(END)), false);
    assert.equal(await settles(late, "expired", "clock", at(END - 1)), false, "nor is it expired before");
    assert.equal(await settles(late, "expired", "clock", at(END)), true);
    assert.equal(await settles(late, "approved", "callback", at(END)), false);
  });

  it("takes Authy's signed word that a request expired before our deadline, and nobody else's", async () => {
    const id = await aChallenge(store(), await anOwner(store()));
    for (const by of ["poll", "clock", "webhook"] as const)
      assert.equal(await settles(id, "expired", by, at(1000)), false, by);
    assert.equal(await settles(id, "expired", "callback", at(1000)), true);
  });

  it("W9, T1: settles by a callback once, whatever others report at the same moment, and says what it settled", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    for (let round = 0; round < 20; round++) {
      const id = await aChallenge(store(), owner);
      const row = await challenges.find(id);
      assert.ok(row?.providerRef);
      const { factorType, attemptId, subscriberId, isKnownBrowser, createdAt, expiresAt } = row;
      const word = { providerRef: row.providerRef, providerId: row.providerId, status: "approved" } as const;
      const told = await Promise.all([
        ...Array.from({ length: 4 }, () => challenges.settleByRef(word, at(1000))),
        challenges.settle(id, "cancelled", "person", at(1000)),
        challenges.settleByRef({ ...word, status: "expired" }, at(1000)),
      ]);
      const settled = told.filter((each) => each !== null);
      assert.deepEqual(settled, [
        { id, version: 2, factorType, createdAt, expiresAt, attemptId, subscriberId, isKnownBrowser },
      ]);
      assert.equal(await challenges.settleByRef(word, at(1001)), null, "nor later");
    }
  });

  it("W12, W7, W11: a callback settles no other phone's request, none after our deadline, and none that is not sent", async () => {
    const { challenges, database } = store();
    const owner = await anOwner(store());
    for (const [spoil, words, when, ends] of [
      [{}, {}, END - 1, true],
      [{}, { providerId: "another" }, 1000, false],
      [{}, { providerRef: "another" }, 1000, false],
      [{}, {}, END, false],
      [{}, { status: "expired" }, END + 1, true],
      [{ state: "creating" }, {}, 1000, false],
      [{ state: "consumed" }, {}, 1000, false],
    ] as const) {
      const id = await aChallenge(store(), owner);
      const { providerRef, providerId } = (await challenges.find(id)) ?? {};
      await database.getRepository("challenge").update({ id }, { version: 1, ...spoil });
      const word = {
        providerRef: providerRef ?? "",
        providerId: providerId ?? "",
        status: "approved",
        ...words,
      } as const;
      const why = JSON.stringify({ spoil, words, when });
      assert.equal((await challenges.settleByRef(word, at(when))) !== null, ends, why);
      const row = await challenges.find(id);
      const { state = "pending" } = spoil as { state?: ChallengeState };
      assert.equal(row?.state, ends ? word.status : state, why);
      assert.deepEqual([row.settledBy, row.settledAt], ends ? ["callback", at(when)] : [null, null], why);
      assert.equal(row.answeredBy, ends && word.status === "approved" ? owner.factorId : null, why);
    }
  });

  it("P2: keeps one live challenge for each browser, whoever inserts at once", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    const browserHash = randomUUID();
    const attemptId = await anAttempt(store(), owner);
    const row = await aChallenge(store(), owner).then((id) => challenges.find(id));
    assert.ok(row);
    const won = await winners(
      Array.from({ length: 20 }, () =>
        challenges.insert({ ...row, id: randomUUID(), attemptId, providerRef: null, state: "creating", browserHash }),
      ),
    );
    assert.equal(won, 1);
    const live = await challenges.findLiveOfBrowser(browserHash);
    assert.ok(live);
    await challenges.settle(live.id, "superseded", "person", at(1000));
    await aChallenge(store(), owner, { browserHash });
  });

  it("T4: spends an approval for one of many finishes", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    const id = await aChallenge(store(), owner);
    await challenges.settle(id, "approved", "callback", at(1000));
    const tries = Array.from({ length: 20 }, () => challenges.consume(id, at(-59_000), at(1500)));
    assert.equal(await winners(tries), 1);
    assert.equal((await challenges.find(id))?.state, "consumed");
  });

  it("T2, T3: spends no approval that lapsed, whose phone was removed, or whose minute is over", async () => {
    const { challenges, factors, database } = store();
    const spoil: [string, (id: string, factorId: string) => Promise<unknown>][] = [
      ["the phone was removed", (_id, factorId) => factors.remove(factorId, at(1))],
      ["it lapsed", (id) => challenges.lapse(id)],
      ["it is a minute old", (id) => database.getRepository("challenge").update({ id }, { settledAt: at(-60_000) })],
      ["it was cancelled instead", (id) => database.getRepository("challenge").update({ id }, { state: "cancelled" })],
    ];
    for (const [why, spoilIt] of spoil) {
      const owner = await anOwner(store());
      const id = await aChallenge(store(), owner);
      await challenges.settle(id, "approved", "callback", at(1000));
      await spoilIt(id, owner.factorId);
      assert.equal(await challenges.consume(id, at(1500 - 60_000), at(1500)), false, why);
    }
  });

  it("PH6: spends an approval only while the factor that gave it is active, whichever was asked first", async () => {
    const { challenges, factors } = store();
    for (const isAnswererRemoved of [true, false]) {
      const owner = await anOwner(store());
      const other = { ...owner, id: randomUUID(), providerId: randomUUID(), label: "", createdAt: at(0) };
      await factors.insert({ ...other, type: "authy-push" });
      const id = await aChallenge(store(), owner);
      await challenges.settle(id, "approved", "callback", at(1000), { answeredBy: other.id });
      assert.equal((await challenges.find(id))?.answeredBy, other.id);
      await factors.remove(isAnswererRemoved ? other.id : owner.factorId, at(1100));
      assert.equal(await challenges.consume(id, at(0), at(1500)), !isAnswererRemoved);
    }
  });

  it("PH15: counts pushes of all types together, and gives a browser one live push whatever its type", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    const subscriber = await store().subscribers.find(owner.subscriberId);
    assert.ok(subscriber);
    const deps = { challenges, settings: { pushLimit: 2 }, now: () => at(2000) } as unknown as Deps;
    const isPaused = async (): Promise<boolean> => (await pushPause(deps, subscriber, true)) !== null;
    await aChallenge(store(), owner, { factorType: "authy-push", browserHash: owner.factorId, createdAt: at(1000) });
    assert.equal(await isPaused(), false);
    const another = aChallenge(store(), owner, {
      factorType: "totp",
      browserHash: owner.factorId,
      createdAt: at(1000),
    });
    await assert.rejects(another, /live challenge already/);
    await aChallenge(store(), owner, { factorType: "totp", createdAt: at(1000) });
    assert.equal(await isPaused(), true);
  });

  it("names the factor that was asked where the answer names none, and none where nobody answered", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    for (const [outcome, answeredBy] of [
      ["approved", owner.factorId],
      ["denied", owner.factorId],
      ["cancelled", null],
    ] as const) {
      const id = await aChallenge(store(), owner);
      await challenges.settle(id, outcome, "callback", at(1000));
      assert.equal((await challenges.find(id))?.answeredBy, answeredBy, outcome);
    }
  });

  it("T9: gives one of many pollers the turn, and the next one only after release or lease", async () => {
    const { challenges } = store();
    const id = await aChallenge(store(), await anOwner(store()));
    const lease = at(4000);
    assert.equal(await winners(Array.from({ length: 20 }, () => challenges.claimPoll(id, at(0), lease))), 1);
    assert.equal(await challenges.claimPoll(id, at(3999), at(8000)), false);
    assert.equal(await challenges.claimPoll(id, at(4000), at(8000)), true, "the one who asked may have died");
    await challenges.releasePoll(id, lease, at(9000));
    assert.equal(await challenges.claimPoll(id, at(4001), at(8001)), false, "a late release frees nobody else's turn");
    await challenges.releasePoll(id, at(8000), at(9000));
    assert.deepEqual((await challenges.find(id))?.nextPollAt, at(9000));
    assert.equal(await challenges.claimPoll(id, at(4002), at(8002)), true);
  });

  it("asks for the person at most once in the pause", async () => {
    const { challenges } = store();
    const id = await aChallenge(store(), await anOwner(store()));
    assert.equal(await winners(Array.from({ length: 10 }, () => challenges.claimPersonAsk(id, at(0), 5000))), 1);
    assert.equal(await challenges.claimPersonAsk(id, at(4999), 5000), false);
    assert.equal(await challenges.claimPersonAsk(id, at(5000), 5000), true);
  });

  it("takes Authy's name for a request once, and knows it again by that name", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    const id = await aChallenge(store(), owner, { state: "creating", providerRef: null });
    assert.equal(
      await winners(["a", "b", "c"].map((name) => challenges.confirmSent(id, { ref: `${id}-${name}` }, at(1)))),
      1,
    );
    const { providerRef } = (await challenges.find(id)) ?? {};
    assert.equal((await challenges.findByProviderRef(providerRef ?? ""))?.id, id);
    assert.equal(await challenges.confirmSent(id, { ref: randomUUID() }, at(1)), false);
  });

  it("leaves a name that Authy gives twice with one of the two requests, and the other unconfirmed", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    for (let round = 0; round < 20; round++) {
      const creating = { state: "creating", providerRef: null } as const;
      const ids = [await aChallenge(store(), owner, creating), await aChallenge(store(), owner, creating)];
      const name = randomUUID();
      assert.equal(await winners(ids.map((id) => challenges.confirmSent(id, { ref: name }, at(1)))), 1);
      const states = (await Promise.all(ids.map((id) => challenges.find(id)))).map((row) => row?.state);
      assert.deepEqual(states.sort(), ["creating", "pending"]);
    }
  });

  it("E6: reads again only what has changed or is over, of thousands that wait", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    const waiting = await aChallenge(store(), owner, { expiresAt: at(9_000_000) });
    const settled = await aChallenge(store(), await anOwner(store()), { expiresAt: at(9_000_000) });
    const ids = [waiting, settled];
    const changed = async (ms: number) => (await challenges.changed(ids, at(ms))).map(({ id, status }) => [id, status]);
    assert.deepEqual(await changed(8_999_999), []);
    await challenges.settle(settled, "approved", "callback", at(7_000_000));
    assert.deepEqual(await changed(8_999_999), [[settled, "approved"]]);
    assert.deepEqual(
      (await changed(9_000_000)).toSorted(),
      [
        [waiting, "pending"],
        [settled, "approved"],
      ].toSorted(),
    );
    assert.deepEqual(await challenges.changed([], at(0)), []);
  });

  it("finds what is overdue and what is expired, and says who settled the newest", async () => {
    const { challenges } = store();
    const owner = await anOwner(store());
    const due = await aChallenge(store(), owner, { nextPollAt: at(5_000_000), expiresAt: at(9_000_000) });
    const overdue = async (ms: number) => (await challenges.findOverdue(at(ms), 1000)).some(({ id }) => id === due);
    assert.equal(await overdue(4_999_999), false);
    assert.equal(await overdue(5_000_000), true);
    const expired = async (ms: number) => (await challenges.findExpired(at(ms), 1000)).includes(due);
    assert.equal(await expired(9_004_999), false);
    assert.equal(await expired(9_005_000), true);
    await challenges.settle(due, "approved", "poll", at(8_000_000));
    assert.equal(await challenges.newestWitnessSince(at(7_999_999), ["authy-push"]), "poll");
    assert.equal(await challenges.newestWitnessSince(at(8_000_000), ["authy-push"]), null);
    const next = await aChallenge(store(), owner, { expiresAt: at(9_000_000) });
    await challenges.settle(next, "denied", "callback", at(8_000_001));
    assert.equal(await challenges.newestWitnessSince(at(0), ["authy-push"]), "callback");
    assert.ok((await challenges.lapseOld(at(8_000_000))) >= 1);
    assert.equal((await challenges.find(due))?.state, "lapsed");
  });
});
