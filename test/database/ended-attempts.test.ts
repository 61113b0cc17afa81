import assert from "node:assert/strict";
import { it } from "node:test";

import { signOutEverywhere } from "../../src/domain/administer.js";
import type { Attempt } from "../../src/domain/attempt.js";
import { cancelAttempt } from "../../src/domain/cancel-attempts.js";
import type { Deps } from "../../src/domain/deps.js";
import { endOverdueAttempts } from "../../src/domain/end-attempts.js";
import { reportNotMe } from "../../src/domain/report-not-me.js";
import { settleChallenge } from "../../src/domain/settle-challenge.js";
import { signOut } from "../../src/domain/sign-out.js";
import { newTally } from "../../src/http/tally.js";
import { aChallenge, anAttempt, anOwner, at, onBothDatabases, type Owner, type Store, whileRefused } from "./both.js";

const ORIGIN = { address: "203.0.113.9", browserLabel: "Firefox on Linux" };
const ENDS_AT = 900_000;

/** The rules over the rows of a database, at a moment of the tests' own clock. */
function depsOf(store: Store, ms = 1000): Deps {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    ...store,
    ...{ settings: { pushFreezeSeconds: 900 }, now: () => at(ms), log: { info: () => undefined } },
    tally: newTally(),
    ...{ feed: { publish: nothing }, polls: { forget: nothing } },
  } as unknown as Deps;
}

async function begun(store: Store, given: Partial<Attempt> = {}): Promise<{ owner: Owner; attempt: Attempt }> {
  const owner = await anOwner(store);
  const attempt = await store.attempts.find(await anAttempt(store, owner, { ...ORIGIN, ...given }));
  assert.ok(attempt, "the attempt was just made");
  return { owner, attempt };
}

async function history({ audit }: Store, { subscriberId }: Owner): Promise<string[]> {
  const events = await audit.list(subscriberId, { limit: 50 });
  return events.map(({ kind, detail, address, browserLabel }) => `${kind}: ${detail} (${browserLabel}, ${address})`);
}

const FROM = `(${ORIGIN.browserLabel}, ${ORIGIN.address})`;

onBothDatabases("an attempt that ends without a sign-in", (store) => {
  const ways: readonly [string, string, (deps: Deps, attempt: Attempt) => Promise<unknown>][] = [
    ["the person cancels it", "cancelled", cancelAttempt],
    [
      "the browser signs out",
      "signed-out",
      (deps, attempt) => signOut(deps, { session: null, attempts: [attempt], visitHash: "", origin: ORIGIN }),
    ],
    ["somebody reports not me", "account-changed", reportNotMe],
    [
      "an operator signs everybody out",
      "account-changed",
      async (deps, { subscriberId }) => {
        const subscriber = await deps.subscribers.find(subscriberId);
        assert.ok(subscriber, "the account was just made");
        await signOutEverywhere(deps, subscriber);
      },
    ],
  ];
  for (const [title, detail, end] of ways)
    it(`K1: stands in the owner's history once where ${title}, with how, from where and which browser`, async () => {
      const { owner, attempt } = await begun(store());
      await Promise.all([end(depsOf(store()), attempt), end(depsOf(store()), attempt)]);
      await endOverdueAttempts(depsOf(store(), ENDS_AT));
      const told = (await history(store(), owner)).filter((line) => line.startsWith("sign-in-ended"));
      assert.deepEqual(told, [`sign-in-ended: ${detail} ${FROM}`]);
    });

  it("K1: stands there once its time is over, however many workers look, and a step-up too", async () => {
    const signIn = await begun(store());
    const stepUp = await begun(store(), { purpose: "change-password" });
    await endOverdueAttempts(depsOf(store(), ENDS_AT - 1));
    assert.deepEqual(await history(store(), signIn.owner), []);
    await Promise.all(Array.from({ length: 4 }, () => endOverdueAttempts(depsOf(store(), ENDS_AT))));
    assert.deepEqual(await history(store(), signIn.owner), [`sign-in-ended: ran-out ${FROM}`]);
    assert.deepEqual(await history(store(), stepUp.owner), [`step-up-ended: ran-out ${FROM}`]);
  });

  it("K1: is told of by its denial alone where the phone denied it", async () => {
    const { owner, attempt } = await begun(store());
    const id = await aChallenge(store(), owner, { attemptId: attempt.id });
    await settleChallenge(depsOf(store()), id, "denied", "callback");
    await endOverdueAttempts(depsOf(store(), ENDS_AT));
    assert.deepEqual(await history(store(), owner), [`sign-in-denied: sign-in ${FROM}`]);
    assert.equal((await store().attempts.find(attempt.id))?.state, "ended");
  });

  it("K1: leaves nothing where it succeeded", async () => {
    const { owner, attempt } = await begun(store());
    assert.equal(await store().attempts.finish(attempt.id, "a session", at(500)), true);
    await endOverdueAttempts(depsOf(store(), ENDS_AT));
    assert.deepEqual(await history(store(), owner), []);
    // Else those that are over would soon fill each round, and nobody would look at the others.
    assert.deepEqual(await store().attempts.findOverdue(at(ENDS_AT), 1000), []);
  });

  it("K1: ends together with its entry or not at all, where the database dies between the two", async () => {
    const { owner, attempt } = await begun(store());
    await whileRefused(store().database, "INSERT ON audit_events", async () => {
      await assert.rejects(cancelAttempt(depsOf(store()), attempt), /refused/);
    });
    assert.equal((await store().attempts.find(attempt.id))?.state, "open");
    await cancelAttempt(depsOf(store()), attempt);
    assert.deepEqual(await history(store(), owner), [`sign-in-ended: cancelled ${FROM}`]);
  });

  it("K1: is not buried by wrong passwords, and the oldest page can be reached", async () => {
    const { owner, attempt } = await begun(store());
    const { subscriberId } = owner;
    await cancelAttempt(depsOf(store()), attempt);
    for (let tries = 1; tries <= 101; tries += 1)
      await store().audit.record({ subscriberId, kind: "sign-in-failed", at: at(1000 + tries), origin: ORIGIN });
    const without = await store().audit.list(subscriberId, { limit: 8, without: ["sign-in-failed"] });
    assert.deepEqual(
      without.map(({ kind }) => kind),
      ["sign-in-ended"],
    );
    const oldest = await store().audit.list(subscriberId, { limit: 50, offset: 100 });
    assert.deepEqual(
      oldest.map(({ kind }) => kind),
      ["sign-in-failed", "sign-in-ended"],
    );
  });
});
