import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import type { Attempt, Purpose } from "../../src/domain/attempt.js";
import { cancelAttempt } from "../../src/domain/cancel-attempts.js";
import type { Deps, Rows } from "../../src/domain/deps.js";
import { disableTwoFactor } from "../../src/domain/disable-two-factor.js";
import { finishLogin, finishStepUp, type Proof } from "../../src/domain/finish-attempt.js";
import type { SessionBrowser, SignedIn } from "../../src/domain/open-session.js";
import { reportNotMe } from "../../src/domain/report-not-me.js";
import { hashSecret } from "../../src/domain/secrets.js";
import { type Session, signedIn } from "../../src/domain/session.js";
import { endSession, signOut } from "../../src/domain/sign-out.js";
import { resetTwoFactor, signOutEverywhere } from "../../src/domain/administer.js";
import { newTally } from "../../src/http/tally.js";
import {
  aChallenge,
  anAttempt,
  anOwner,
  aSession,
  at,
  onBothDatabases,
  type Owner,
  type Store,
  whileRefused,
} from "./both.js";

const NOWHERE = { address: "", browserLabel: "" };
const FINISHED_AT = 10_000;

/** The rules over the rows of a database, at a moment of the tests' own clock. */
function depsOf(store: Store, ms = FINISHED_AT): Deps {
  const settings = {
    approvedTtlSeconds: 60,
    stepUpTtlSeconds: 300,
    sessionIdleSeconds: 1800,
    sessionMaxSeconds: 43_200,
    pushFreezeSeconds: 900,
  };
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    ...store,
    ...{ settings, now: () => at(ms), log: { info: () => undefined } },
    tally: newTally(),
    ...{ feed: { publish: nothing }, polls: { forget: nothing } },
  } as unknown as Deps;
}

/** A browser in the middle of a sign-in or a step-up, with all that it takes to finish. */
interface Waiting {
  readonly owner: Owner;
  readonly attempt: Attempt;
  readonly proof: Proof;
  readonly challengeId: string;
  /** The session that the browser brought, of key `brought`. */
  readonly session: Session;
  readonly browser: SessionBrowser;
}

const KINDS: readonly [Purpose, Proof["kind"]][] = [
  ["sign-in", "approval"],
  ["sign-in", "app code"],
  ["sign-in", "recovery code"],
  ["sign-in", "passkey"],
  ["change-password", "approval"],
  ["change-password", "recovery code"],
];

async function waiting(store: Store, purpose: Purpose = "sign-in", kind: Proof["kind"] = "approval"): Promise<Waiting> {
  const owner = await anOwner(store);
  const { subscriberId } = owner;
  const brought = `brought by ${subscriberId}`;
  const known = `known to ${subscriberId}`;
  const sessionId = await aSession(store, owner, { keyHash: hashSecret(brought), level: 1 });
  const stored = await store.sessions.load(hashSecret(brought), at(1));
  const session = stored && signedIn(stored);
  const attemptId = await anAttempt(store, owner, { purpose, sessionId: purpose === "sign-in" ? null : sessionId });
  const attempt = await store.attempts.find(attemptId);
  const challengeId = await aChallenge(store, owner, { attemptId, browserHash: attemptId });
  if (kind === "approval") await store.challenges.settle(challengeId, "approved", "callback", at(5000));
  const challenge = await store.challenges.find(challengeId);
  const codeHash = `code of ${subscriberId}`;
  await store.recoveryCodes.replace(subscriberId, [codeHash, `${codeHash}, the other`], at(0));
  await store.browsers.insert({
    ...{ id: randomUUID(), subscriberId, keyHash: hashSecret(known), label: "", address: "" },
    ...{ firstSeenAt: at(0), lastSeenAt: at(0) },
  });
  await store.failures.take(`code:${subscriberId}`, at(0), {
    failureLimit: 0,
    failureWaitSeconds: 0,
    failureWaitMaxSeconds: 0,
  });
  assert.ok(session && attempt && challenge);
  const proofs: Record<Proof["kind"], Proof> = {
    approval: { kind: "approval", challenge },
    "app code": { kind: "app code", factorType: "authy-push", factorId: owner.factorId },
    "recovery code": { kind: "recovery code", codeHash },
    passkey: {
      ...{ kind: "passkey", factorId: owner.factorId },
      spend: ({ passkeys }) => passkeys.spendChallenge(`challenge of ${subscriberId}`, at(5000)),
    },
  };
  const browser = { ...NOWHERE, sessionKeyHash: hashSecret(brought), knownKey: known };
  return { owner, attempt, proof: proofs[kind], challengeId, session, browser };
}

function finish(deps: Deps, { attempt, proof, session, browser }: Waiting): Promise<SignedIn | null> {
  return attempt.purpose === "sign-in"
    ? finishLogin(deps, attempt, proof, browser)
    : finishStepUp(deps, attempt, session, proof, browser);
}

async function isSignedIn({ sessions }: Store, key: string): Promise<boolean> {
  return (await sessions.load(hashSecret(key), at(FINISHED_AT + 1))) !== null;
}

/** How often the owner reads of a success, and how many sessions live. */
async function outcome(store: Store, { owner, attempt }: Waiting): Promise<{ told: number; living: number }> {
  const kind = attempt.purpose === "sign-in" ? "signed-in" : "step-up";
  const history = await store.audit.list(owner.subscriberId, { limit: 50 });
  const living = await store.sessions.list(owner.subscriberId, at(FINISHED_AT + 1));
  return { told: history.filter((event) => event.kind === kind).length, living: living.length };
}

/** All that a finish changes, as it stands. */
async function standing(store: Store, { owner, attempt, challengeId, session, browser }: Waiting) {
  const { subscriberId } = owner;
  const keyHash = browser.sessionKeyHash ?? "";
  return {
    attempt: (await store.attempts.find(attempt.id))?.state,
    approval: (await store.challenges.find(challengeId))?.state,
    codesLeft: await store.recoveryCodes.countLeft(subscriberId),
    budget: (await store.subscribers.find(subscriberId))?.lastSuccessAt,
    failures: await store.database.getRepository("failure").countBy({ bucket: `code:${subscriberId}` }),
    browsers: (await store.browsers.list(subscriberId)).map(({ lastSeenAt }) => lastSeenAt),
    history: (await store.audit.list(subscriberId, { limit: 50 })).length,
    sessions: (await store.sessions.list(subscriberId, at(1))).map(({ id, level }) => `${id} ${level}`),
    isStillSignedIn: (await store.sessions.load(keyHash, at(1)))?.id === session.id,
  };
}

onBothDatabases("a finish", (store) => {
  for (const [purpose, kind] of KINDS)
    it(`S1, T4: eight at once of one ${kind} for ${purpose} leave one living session, and every tab is answered`, async () => {
      const one = await waiting(store(), purpose, kind);
      const answers = await Promise.all(Array.from({ length: 8 }, () => finish(depsOf(store()), one)));
      const keys = answers.map((answer) => answer?.key ?? "");
      assert.equal(new Set(keys).size, 8, "each reply has a key of its own");
      assert.deepEqual(await outcome(store(), one), { told: 1, living: 1 });
      const living = await Promise.all(keys.map((key) => isSignedIn(store(), key)));
      assert.equal(living.filter(Boolean).length, 1, "one of the keys opens the session");
      assert.equal(await isSignedIn(store(), `brought by ${one.owner.subscriberId}`), false, "the former key is dead");
      const { attempt, approval, codesLeft } = await standing(store(), one);
      assert.equal(attempt, purpose === "sign-in" ? "finished" : "granted");
      assert.equal(approval, kind === "approval" ? "consumed" : "cancelled", "nothing waits on the phone any more");
      assert.equal(codesLeft, kind === "recovery code" ? 1 : 2);
    });

  it("S1, S2: of a step-up keeps the session and what is bound to it, under a new key and at level 2", async () => {
    const one = await waiting(store(), "change-password");
    const finished = await finish(depsOf(store()), one);
    assert.equal(finished?.session.id, one.session.id);
    const stored = await store().sessions.load(hashSecret(finished.key), at(FINISHED_AT));
    assert.deepEqual([stored?.level, stored?.challengeId], [2, one.challengeId]);
    assert.equal(await store().attempts.useGrant(one.session.id, "change-password", "", at(0)), true);
  });

  const repeat = (one: Waiting, ms: number): Promise<SignedIn | null> => finish(depsOf(store(), ms), one);
  for (const [purpose, kind] of KINDS)
    it(`F13, T3: of one ${kind} for ${purpose} is repeated for a minute, until what it opened is ended`, async () => {
      const one = await waiting(store(), purpose, kind);
      const first = await finish(depsOf(store()), one);
      const again = await repeat(one, FINISHED_AT + 59_000);
      assert.equal(again?.session.id, first?.session.id);
      assert.equal(await isSignedIn(store(), first?.key ?? ""), false, "the earlier key has ended");
      assert.equal(await isSignedIn(store(), again?.key ?? ""), true);
      assert.deepEqual(await outcome(store(), one), { told: 1, living: 1 });
      assert.equal(await repeat(one, FINISHED_AT + 60_000), null, "a minute later");
      await endSession(depsOf(store()), one.owner.subscriberId, again?.session.id ?? "", NOWHERE);
      assert.equal(await repeat(one, FINISHED_AT + 1), null, "after the owner ended it");
      assert.equal((await outcome(store(), one)).living, 0);
    });

  it("T3: is not repeated once the account has moved on, even if the session moved with it", async () => {
    const one = await waiting(store(), "disable-two-factor");
    const finished = await finish(depsOf(store()), one);
    assert.ok(finished);
    const browser = { ...one.browser, sessionKeyHash: hashSecret(finished.key) };
    const alone = await disableTwoFactor(depsOf(store()), finished.session, browser);
    assert.equal(await repeat(one, FINISHED_AT + 1), null);
    assert.equal(await isSignedIn(store(), alone?.key ?? ""), true, "the owner goes on");
  });

  it("F13: of the release before is repeated too: its session is named by the approval alone", async () => {
    const one = await waiting(store());
    const { attempt, challengeId, owner } = one;
    await store().challenges.consume(challengeId, at(0), at(FINISHED_AT));
    await store().database.getRepository("attempt").update({ id: attempt.id }, { state: "finished" });
    const id = await aSession(store(), owner, { challengeId });
    assert.equal((await repeat(one, FINISHED_AT + 59_000))?.session.id, id);
    assert.equal(await repeat(one, FINISHED_AT + 60_000), null);
  });

  it("T3: spends nothing where the attempt, the account or the brought key is no longer what it was", async () => {
    const spoil: [string, (one: Waiting) => Promise<unknown>][] = [
      ["the attempt was ended", ({ attempt }) => store().attempts.end(attempt.id)],
      [
        "the attempt is over",
        ({ attempt: { id } }) =>
          store()
            .database.getRepository("attempt")
            .update({ id }, { expiresAt: at(1) }),
      ],
      [
        "the password was changed",
        ({ owner }) => store().subscribers.changePassword(owner.subscriberId, "$old", "$new"),
      ],
      ["the owner raised the alarm", ({ owner }) => store().subscribers.raiseAlarm(owner.subscriberId, at(1))],
      ["the session was ended", ({ owner, session }) => store().sessions.end(owner.subscriberId, session.id, at(1))],
      ["another tab renewed it", ({ session }) => store().sessions.renew(session.id, {}, { keyHash: session.id })],
    ];
    for (const [purpose, kind] of KINDS)
      for (const [why, spoilIt] of spoil) {
        if (purpose === "sign-in" && /session|renewed/.test(why)) continue; // a sign-in opens a session of its own
        const one = await waiting(store(), purpose, kind);
        await spoilIt(one);
        const before = await standing(store(), one);
        assert.equal(await finish(depsOf(store()), one), null, `${purpose} by ${kind}: ${why}`);
        assert.deepEqual(await standing(store(), one), before, `${purpose} by ${kind}: ${why}`);
      }
  });
});

const STATEMENTS: readonly [change: string, purposes: "sign-in" | "step-up" | "both", kind?: Proof["kind"]][] = [
  ["UPDATE OF last_success_at ON subscribers", "both"],
  ["UPDATE OF state ON challenges", "both", "approval"],
  ["UPDATE OF used_at ON recovery_codes", "both", "recovery code"],
  ["DELETE ON failure_counts", "both"],
  ["UPDATE OF state ON attempts", "both"],
  ["INSERT ON audit_events", "both"],
  ["UPDATE OF ended_at ON sessions", "sign-in"],
  ["INSERT ON sessions", "sign-in"],
  ["UPDATE OF key_hash ON sessions", "step-up"],
  ["UPDATE OF last_seen_at ON browsers", "both"],
];

onBothDatabases("a database that dies in the middle of a finish", (store) => {
  for (const [change, purposes, only] of STATEMENTS)
    it(`F13: at ${change}, leaves the proof unspent and the browser signed in as before`, async () => {
      for (const [purpose, kind] of KINDS) {
        if (purposes !== "both" && (purposes === "sign-in") !== (purpose === "sign-in")) continue;
        if (only !== undefined && only !== kind) continue;
        const one = await waiting(store(), purpose, kind);
        const before = await standing(store(), one);
        await whileRefused(store().database, change, async () => {
          await assert.rejects(finish(depsOf(store()), one), /refused/, `${purpose} by ${kind}`);
        });
        assert.deepEqual(await standing(store(), one), before, `${purpose} by ${kind}`);
        assert.equal(await isSignedIn(store(), (await finish(depsOf(store()), one))?.key ?? ""), true);
      }
    });
});

/** What ends a sign-in on purpose. @returns whether it says that it came first. */
type End = (deps: Deps, one: Waiting) => Promise<boolean>;

const ENDS: readonly [string, End][] = [
  ["a cancel", (deps, { attempt }) => cancelAttempt(deps, attempt)],
  [
    "a logout",
    async (deps, { attempt }) => {
      await signOut(deps, { session: null, attempts: [attempt], visitHash: "", origin: NOWHERE });
      return true;
    },
  ],
  [
    "not me",
    async (deps, { attempt }) => {
      await reportNotMe(deps, attempt);
      return true;
    },
  ],
  [
    "an operator's sign-out",
    async (deps, { owner }) => {
      const subscriber = await deps.subscribers.find(owner.subscriberId);
      assert.ok(subscriber);
      await signOutEverywhere(deps, subscriber);
      return true;
    },
  ],
  [
    "an operator's removal of the phone",
    async (deps, { owner }) => {
      const subscriber = await deps.subscribers.find(owner.subscriberId);
      assert.ok(subscriber);
      return resetTwoFactor(deps, subscriber);
    },
  ],
  [
    "a new password",
    async (deps, { owner }) => (await deps.subscribers.changePassword(owner.subscriberId, "$old", "$new")) !== null,
  ],
];

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** The same rules, whose transaction stops right before its end until it is let go on. */
function stopping(deps: Deps): { deps: Deps; hasCome: Promise<void>; goOn: () => void } {
  const come = gate();
  const go = gate();
  const transaction: Deps["transaction"] = (work) =>
    deps.transaction(async (rows: Rows) => {
      const done = await work(rows);
      come.open();
      await go.opened;
      return done;
    });
  return { deps: { ...deps, transaction }, hasCome: come.opened, goOn: go.open };
}

/** Waits until a statement of PostgreSQL waits for another one; on SQLite they take turns anyway. */
async function untilBlocked({ database }: Store): Promise<void> {
  if (database.options.type !== "postgres") return;
  for (let looks = 0; looks < 500; looks += 1) {
    const waiting = await database.query<unknown[]>("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    if (waiting.length > 0) return;
    await delay(10);
  }
  throw new Error("nothing waits");
}

onBothDatabases("an end on purpose, and a finish at the same moment", (store) => {
  for (const [name, end] of ENDS) {
    it(`T3: ${name} that is under way lets no session come after it`, async () => {
      const one = await waiting(store());
      await store().sessions.end(one.owner.subscriberId, one.session.id, at(1));
      const go = gate();
      const finishing = go.opened.then(() => finish(depsOf(store()), one)); // outside of the other's transaction
      const stop = stopping(depsOf(store()));
      const ending =
        name === "a cancel" || name === "a new password"
          ? stop.deps.transaction((rows) =>
              end({ ...depsOf(store()), ...rows, transaction: (work) => work(rows) }, one),
            )
          : end(stop.deps, one);
      await stop.hasCome;
      go.open();
      await untilBlocked(store());
      stop.goOn();
      assert.equal(await ending, true);
      assert.equal(await finishing, null);
      assert.equal((await outcome(store(), one)).living, 0);
    });

    it(`T3: ${name} that comes while the session is being opened ends it, or says that it came too late`, async () => {
      const one = await waiting(store());
      await store().sessions.end(one.owner.subscriberId, one.session.id, at(1));
      const go = gate();
      const ending = go.opened.then(() => end(depsOf(store()), one));
      const stop = stopping(depsOf(store()));
      const finishing = finish(stop.deps, one);
      await stop.hasCome;
      go.open();
      await untilBlocked(store());
      stop.goOn();
      const hasEnded = await ending;
      assert.equal(hasEnded, name !== "a cancel");
      assert.notEqual(await finishing, null);
      assert.equal((await outcome(store(), one)).living, hasEnded ? 0 : 1);
    });
  }
});
