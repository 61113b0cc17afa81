import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { it } from "node:test";

import { runSandbox, API_KEY } from "../../sandbox/test/running.js";
import { loadConfig } from "../../src/config.js";
import type { Attempt } from "../../src/domain/attempt.js";
import { resetTwoFactor } from "../../src/domain/administer.js";
import { pollOnce } from "../../src/domain/ask-provider.js";
import { confirmEnrolment } from "../../src/domain/confirm-enrolment.js";
import type { Deps } from "../../src/domain/deps.js";
import { startEnrolment } from "../../src/domain/enrol.js";
import type { Enrolment } from "../../src/domain/enrolment.js";
import { finishLogin } from "../../src/domain/finish-attempt.js";
import type { FactorType } from "../../src/domain/factor.js";
import type { FactorProvider, Shown } from "../../src/domain/factor-provider.js";
import { askForPasskey, judgePasskey } from "../../src/domain/prove-passkey.js";
import { askForNewPasskey, registerPasskey } from "../../src/domain/register-passkey.js";
import { judgeCode } from "../../src/domain/judge-code.js";
import { type Session, signedIn } from "../../src/domain/session.js";
import { registrations } from "../../src/domain/watched-kinds.js";
import { newTally } from "../../src/http/tally.js";
import { authyClient } from "../../src/providers/authy/client.js";
import { authyProvider } from "../../src/providers/authy/provider.js";
import { passkeyProvider } from "../../src/providers/passkey/provider.js";
import { totpProvider } from "../../src/providers/totp/provider.js";
import { anAttempt, anOwner, aSession, onBothDatabases, type Owner, type Store } from "../database/both.js";
import { authenticator } from "../kit/authenticator.js";
import { openPasskeyHolder, type PasskeyHolder, type Twist } from "../kit/passkeys.js";
import { openPhone } from "../kit/phone.js";

/** The rules, over rows of a database and the present time moved by `passedMs`. */
interface Stand {
  readonly deps: Deps;
  readonly logged: string[];
  passedMs: number;
}

/** What a person does with one type of factor. */
interface Hand {
  /** Sets up what is shown, and gives what shows codes from then on. */
  setUp(shown: Shown): Promise<{ code(): Promise<string>; oldCode(): Promise<string> }>;
}

interface Contender {
  readonly type: FactorType;
  provider(deps: Pick<Deps, "totpSecrets" | "log" | "now">): FactorProvider;
  readonly hand: Hand;
  /** Takes away what the provider needs, until it is given back. @returns how to give it back */
  takeAway(stand: Stand): Promise<() => Promise<void>>;
}

const { rules } = loadConfig({ FACTORS: "totp" }, () => [randomBytes(32).toString("base64url")]);

async function authy(): Promise<Contender> {
  const sandbox = await runSandbox();
  const phone = openPhone(sandbox.url);
  const application = { appName: "Acme", appId: "359137", apiKey: API_KEY, qrPrefix: "authy://account?token=" };
  return {
    type: "authy-push",
    provider: () => authyProvider(authyClient(sandbox.url, API_KEY), application),
    hand: {
      async setUp({ qrText }) {
        const authyId = await phone.scan(qrText);
        return { code: () => phone.code(authyId), oldCode: () => Promise.resolve("0000000") };
      },
    },
    async takeAway() {
      await phone.faults({ status: 503 });
      return () => phone.faults();
    },
  };
}

function totp(): Contender {
  const secretKeys = [randomBytes(32)];
  return {
    type: "totp",
    provider: (deps) => totpProvider({ ...deps, appName: "Acme", secretKeys }),
    hand: {
      setUp({ qrText }) {
        const app = authenticator(qrText);
        return Promise.resolve({
          code: () => app.code(),
          oldCode: () => Promise.resolve(app.codeAt(Date.now() - 61_000)),
        });
      },
    },
    // Nobody else is asked; what can be lost is the key that opens the secrets.
    takeAway() {
      const kept = secretKeys.splice(0, 1, randomBytes(32));
      return Promise.resolve(() => Promise.resolve(void secretKeys.splice(0, 1, ...kept)));
    },
  };
}

function standOn(store: Store, contender: Contender): Stand {
  const logged: string[] = [];
  const log = (_fields: object, message: string): void => void logged.push(message);
  const nothing = (): Promise<void> => Promise.resolve();
  const stand = { logged, passedMs: 0 } as Stand & { deps: Deps };
  const base = {
    ...store,
    ...{ now: () => new Date(Date.now() + stand.passedMs), settings: rules },
    log: { info: log, warn: log, error: log },
    tally: newTally(),
    ...{ feed: { publish: nothing }, polls: { schedule: nothing, forget: nothing } },
  } as unknown as Deps;
  return Object.assign(stand, { deps: { ...base, providers: { [contender.type]: contender.provider(base) } } });
}

/** Somebody without a factor, signed in. */
async function beginner(store: Store, { deps }: Stand): Promise<{ owner: Owner; session: Session }> {
  const owner = await anOwner(store);
  await store.factors.remove(owner.factorId, deps.now());
  const now = deps.now();
  const keyHash = `key of ${owner.subscriberId}`;
  const times = { passwordAt: now, createdAt: now, seenAt: now, idleUntil: later(now), expiresAt: later(now) };
  await aSession(store, owner, { keyHash, ...times });
  const stored = await store.sessions.load(keyHash, now);
  const session = stored && signedIn(stored);
  assert.ok(session);
  return { owner, session };
}

const later = (at: Date): Date => new Date(at.getTime() + 43_200_000);
const NOWHERE = { address: "", browserLabel: "", knownKey: null, sessionKeyHash: null };

async function enrolling(
  { deps }: Stand,
  { type }: Contender,
  session: Session,
): Promise<{ enrolment: Enrolment; shown: Shown }> {
  assert.equal((await startEnrolment(deps, type, session, NOWHERE)).kind, "started");
  const [enrolment] = await deps.enrolments.findOpenOfSubscriber(session.subscriberId);
  assert.ok(enrolment);
  const shown = await deps.providers[type]?.enrols.show(enrolment, { username: "ada" });
  assert.ok(shown);
  return { enrolment, shown };
}

/** Completes an enrolment as its type does it: by what the provider says, or by a code. @returns the state then. */
async function complete({ deps }: Stand, enrolment: Enrolment, session: Session, code: string): Promise<string> {
  if (deps.providers[enrolment.type]?.enrols.confirm === undefined) {
    const { nextPollAt } = enrolment;
    await pollOnce({ ...deps, now: () => nextPollAt ?? deps.now() }, registrations, enrolment.id);
  } else await confirmEnrolment(deps, session, code);
  return (await deps.enrolments.find(enrolment.id))?.state ?? "none";
}

async function enrolled(store: Store, stand: Stand, contender: Contender) {
  const { owner, session } = await beginner(store, stand);
  const { enrolment, shown } = await enrolling(stand, contender, session);
  const app = await contender.hand.setUp(shown);
  assert.equal(await complete(stand, enrolment, session, await app.code()), "completed");
  const [factor] = await store.factors.listActive(owner.subscriberId);
  assert.ok(factor);
  return { owner, session, enrolment, app, factor };
}

async function attemptOf(store: Store, { deps }: Stand, owner: Owner): Promise<Attempt> {
  const epoch = (await store.subscribers.find(owner.subscriberId))?.epoch ?? 0;
  const now = deps.now();
  const id = await anAttempt(store, owner, { epoch, createdAt: now, expiresAt: later(now) });
  const attempt = await store.attempts.find(id);
  assert.ok(attempt);
  return attempt;
}

/** A whole sign-in by a code. */
async function signIn(store: Store, stand: Stand, owner: Owner, code: string): Promise<string> {
  const attempt = await attemptOf(store, stand, owner);
  const judged = await judgeCode(stand.deps, attempt, code);
  if (judged.kind !== "right") return judged.kind;
  return (await finishLogin(stand.deps, attempt, judged.proof, NOWHERE)) === null ? "over" : "signed in";
}

const contenders = [await authy(), totp()];

for (const contender of contenders)
  onBothDatabases(`the contract of ${contender.type}`, (store) => {
    it("enrols: what is shown leads to an active factor of its type, and is never shown again", async () => {
      const stand = standOn(store(), contender);
      const { owner, enrolment, factor } = await enrolled(store(), stand, contender);
      assert.deepEqual([factor.type, factor.id, factor.state], [contender.type, enrolment.id, "active"]);
      assert.equal((await store().enrolments.find(enrolment.id))?.state, "completed");
      assert.deepEqual(
        (await store().audit.list(owner.subscriberId, { limit: 5 })).map(({ kind }) => kind),
        ["phone-enrolled"],
      );
    });

    it("takes a right code for a sign-in, and notes when", async () => {
      const stand = standOn(store(), contender);
      const { owner, app, factor } = await enrolled(store(), stand, contender);
      assert.equal(await signIn(store(), stand, owner, await app.code()), "signed in");
      assert.notEqual((await store().factors.find(factor.id))?.lastUsedAt, null);
    });

    it("refuses a wrong code, and counts it before it is judged", async () => {
      const stand = standOn(store(), contender);
      const { owner } = await enrolled(store(), stand, contender);
      const told = [];
      for (let round = 0; round < 6; round += 1) told.push(await signIn(store(), stand, owner, `99999${round}`));
      assert.deepEqual(told, ["wrong", "wrong", "wrong", "wrong", "wrong", "wait"]);
    });

    it("refuses a code that comes too late, and an enrolment whose time is over", async () => {
      const stand = standOn(store(), contender);
      const { owner, app } = await enrolled(store(), stand, contender);
      assert.equal(await signIn(store(), stand, owner, await app.oldCode()), "wrong");
      const { owner: other, session } = await beginner(store(), stand);
      const { enrolment, shown } = await enrolling(stand, contender, session);
      const lateApp = await contender.hand.setUp(shown);
      const code = await lateApp.code();
      stand.passedMs = rules.registrationTtlSeconds * 1000 + 6000;
      if (contender.type === "totp") assert.equal(await complete(stand, enrolment, session, code), "expired");
      assert.deepEqual(contender.type === "totp" ? await store().factors.listActive(other.subscriberId) : [], []);
    });

    it("takes no code twice", async () => {
      const stand = standOn(store(), contender);
      const { owner, app } = await enrolled(store(), stand, contender);
      const code = await app.code();
      assert.equal(await signIn(store(), stand, owner, code), "signed in");
      assert.equal(await signIn(store(), stand, owner, code), "wrong");
    });

    it("takes no code of somebody else's factor, and none for somebody else's enrolment", async () => {
      const stand = standOn(store(), contender);
      const { owner } = await enrolled(store(), stand, contender);
      const { app: foreign } = await enrolled(store(), stand, contender);
      assert.equal(await signIn(store(), stand, owner, await foreign.code()), "wrong");
      const { owner: other, session } = await beginner(store(), stand);
      await enrolling(stand, contender, session);
      const { session: stranger } = await beginner(store(), stand);
      assert.equal((await confirmEnrolment(stand.deps, stranger, await foreign.code())).kind, "over");
      assert.deepEqual(await store().factors.listActive(other.subscriberId), []);
    });

    it("PH6: opens nothing once it is removed, not even between the judging and the spending", async () => {
      const stand = standOn(store(), contender);
      const { owner, app, factor } = await enrolled(store(), stand, contender);
      const attempt = await attemptOf(store(), stand, owner);
      const judged = await judgeCode(stand.deps, attempt, await app.code());
      assert.equal(judged.kind, "right");
      const subscriber = await store().subscribers.find(owner.subscriberId);
      assert.ok(subscriber && (await resetTwoFactor(stand.deps, subscriber)));
      assert.equal(await finishLogin(stand.deps, attempt, judged.proof, NOWHERE), null);
      assert.equal((await store().factors.find(factor.id))?.state, "removed");
      assert.equal(await store().totpSecrets.find(factor.id), null, "its secret is gone with it");
      assert.equal(await signIn(store(), stand, owner, await app.code()), "wrong");
    });

    it("says neither yes nor no while the provider cannot judge, and goes on afterwards", async () => {
      const stand = standOn(store(), contender);
      const { owner, app } = await enrolled(store(), stand, contender);
      const code = await app.code();
      const giveBack = await contender.takeAway(stand);
      const told = await signIn(store(), stand, owner, code).catch((error: unknown) => String(error));
      await giveBack();
      assert.notEqual(told, "signed in");
      if (contender.type === "totp")
        assert.ok(stand.logged.includes("the secret of an authenticator app cannot be opened"));
      assert.equal(await signIn(store(), stand, owner, code), "signed in");
    });
  });

onBothDatabases("an authenticator app's time steps", (store) => {
  it("PH18: one step is spent once by 50 parallel tries, and by one of 50 sign-ins at once", async () => {
    const stand = standOn(store(), totp());
    const secret = { factorId: `f ${Math.random()}`, sealed: "", createdAt: stand.deps.now() };
    await store().totpSecrets.insert(secret);
    const spent = await Promise.all(
      Array.from({ length: 50 }, () => store().totpSecrets.spendStep(secret.factorId, 59_000_000)),
    );
    assert.equal(spent.filter(Boolean).length, 1);
    assert.equal(await store().totpSecrets.spendStep(secret.factorId, 58_999_999), false, "nor any step before it");

    const contender = totp();
    const second = standOn(store(), contender);
    const { owner, app } = await enrolled(store(), second, contender);
    const code = await app.code();
    const limits = { ...second.deps, settings: { ...rules, failureLimit: 0, failureWaitSeconds: 0 } };
    const attempts = await Promise.all(Array.from({ length: 50 }, () => attemptOf(store(), second, owner)));
    const told = await Promise.all(
      attempts.map(async (attempt) => {
        const judged = await judgeCode(limits, attempt, code);
        return judged.kind === "right" && (await finishLogin(limits, attempt, judged.proof, NOWHERE)) !== null;
      }),
    );
    assert.equal(told.filter(Boolean).length, 1);
  });
});

const SITE = { origin: "https://login.example.com", rpId: "login.example.com" };

onBothDatabases("the contract of passkey", (store) => {
  const sessionKeys = ["a key of this test"];

  function standOfPasskeys(): Stand {
    const stand = standOn(store(), totp());
    const passkey = passkeyProvider(stand.deps, { ...SITE, appName: "Acme", sessionKeys });
    return Object.assign(stand, { deps: { ...stand.deps, providers: { passkey } } });
  }

  async function keeper(stand: Stand) {
    const { owner, session } = await beginner(store(), stand);
    const holder = openPasskeyHolder(SITE.origin);
    assert.equal((await startEnrolment(stand.deps, "passkey", session, NOWHERE)).kind, "started");
    const account = await store().subscribers.find(owner.subscriberId);
    const asked = account && (await askForNewPasskey(stand.deps, session, account));
    assert.ok(asked, "no passkey is asked for");
    const response = holder.make(asked);
    return { owner, session, holder, register: () => registerPasskey(stand.deps, session, response, "A laptop") };
  }

  async function registered(stand: Stand) {
    const { register, ...kept } = await keeper(stand);
    assert.equal(await register(), "registered");
    const [factor] = await store().factors.listActive(kept.owner.subscriberId);
    assert.ok(factor);
    return { ...kept, factor };
  }

  /** A sign-in up to its judgement. */
  async function judged(stand: Stand, owner: Owner, holder: PasskeyHolder, twist: Twist = {}, by?: PasskeyHolder) {
    const attempt = await attemptOf(store(), stand, owner);
    const asked = await askForPasskey(stand.deps, attempt);
    assert.ok(asked, "no passkey is asked for");
    const response = (by ?? holder).use(asked, twist, (by ?? holder).credentials[0]);
    return { attempt, response, judged: await judgePasskey(stand.deps, attempt, response, NOWHERE) };
  }

  it("enrols with its name, opens a sign-in once, and is noted with when", async () => {
    const stand = standOfPasskeys();
    const { owner, holder, factor } = await registered(stand);
    assert.deepEqual([factor.type, factor.label, factor.state], ["passkey", "A laptop", "active"]);
    const first = await judged(stand, owner, holder);
    assert.ok(first.judged.kind === "right");
    const { proof } = first.judged;
    assert.notEqual(await finishLogin(stand.deps, first.attempt, proof, NOWHERE), null);
    assert.notEqual((await store().factors.find(factor.id))?.lastUsedAt, null);
    const another = await attemptOf(store(), stand, owner);
    assert.equal(await finishLogin(stand.deps, another, proof, NOWHERE), null, "PH17: repeated");
    assert.equal((await judgePasskey(stand.deps, another, first.response, NOWHERE)).kind, "refused");
  });

  it("refuses what is wrong, late, or of somebody else, and an enrolment whose time is over", async () => {
    const stand = standOfPasskeys();
    const { owner, holder } = await registered(stand);
    assert.equal((await judged(stand, owner, holder, { isUnlocked: false })).judged.kind, "refused");
    const { holder: foreign } = await registered(stand);
    assert.equal((await judged(stand, owner, holder, {}, foreign)).judged.kind, "refused");
    const { attempt, response } = await judged(stand, owner, holder);
    stand.passedMs = 5 * 60_000 + 1;
    assert.equal((await judgePasskey(stand.deps, attempt, response, NOWHERE)).kind, "refused");
    const late = await keeper(stand);
    stand.passedMs += rules.registrationTtlSeconds * 1000 + 6000;
    assert.equal(await late.register(), "over");
    assert.deepEqual(await store().factors.listActive(late.owner.subscriberId), []);
  });

  it("PH6: opens nothing once it is removed, not even between the judging and the spending", async () => {
    const stand = standOfPasskeys();
    const { owner, holder, factor } = await registered(stand);
    const { attempt, judged: right } = await judged(stand, owner, holder);
    assert.ok(right.kind === "right");
    assert.equal(await store().factors.remove(factor.id, stand.deps.now()), true);
    assert.equal(await finishLogin(stand.deps, attempt, right.proof, NOWHERE), null);
    assert.deepEqual(await store().passkeys.findOf([factor.id]), []);
  });

  it("says no while the keys of its challenges are lost, and goes on afterwards", async () => {
    const stand = standOfPasskeys();
    const { owner, holder } = await registered(stand);
    const { attempt, response } = await judged(stand, owner, holder);
    const kept = sessionKeys.splice(0, 1, "another key");
    assert.equal((await judgePasskey(stand.deps, attempt, response, NOWHERE)).kind, "refused");
    sessionKeys.splice(0, 1, ...kept);
    assert.equal((await judgePasskey(stand.deps, attempt, response, NOWHERE)).kind, "right");
  });
});
