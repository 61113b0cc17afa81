import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, describe, it } from "node:test";

import { hashSecret } from "../../../src/domain/secrets.js";
import { type Answer, type Browser, openBrowser } from "../../kit/browser.js";
import { askScript, openPasskeyHolder, type PasskeyHolder, provePasskey, type Twist } from "../../kit/passkeys.js";
import { serveApplication, SITE } from "../../http/served-application.js";

const application = await serveApplication({ after }, { FACTORS: "passkey,totp", MATCH_CODE: "never" });
const { origin, deps } = application;
const PASSWORD = "violet harbour lantern nine";
const REGISTRATION = "/account/two-factor/registration";
const [SIGN_IN, STEP_UP] = ["/login/approval/passkey", "/account/approval/passkey"];

interface Person {
  readonly username: string;
  readonly browser: Browser;
  readonly holder: PasskeyHolder;
}

let people = 0;

async function register(): Promise<Pick<Person, "username" | "browser">> {
  const [username, browser] = [`keeper${(people += 1)}`, openBrowser(origin)];
  const form = { username, email: `${username}@example.com`, password: PASSWORD };
  assert.equal((await browser.post("/register", form)).location, "/account");
  return { username, browser };
}

/** Begins to add a passkey. */
async function adding(browser: Browser): Promise<void> {
  assert.equal((await browser.post(REGISTRATION, { type: "passkey" })).location, REGISTRATION);
}

/** Somebody with a passkey, signed in. */
async function withPasskey(isSynced = false): Promise<Person> {
  const person = { ...(await register()), holder: openPasskeyHolder(SITE.origin, isSynced) };
  await adding(person.browser);
  const made = await provePasskey(person.browser, `${REGISTRATION}/passkey`, (options) => person.holder.make(options));
  assert.deepEqual([made.status, made.said], [200, { location: REGISTRATION }], made.body);
  return person;
}

/** The right password in a fresh browser. */
async function typed(username: string): Promise<Browser> {
  const browser = openBrowser(origin);
  assert.equal((await browser.post("/login", { username, password: PASSWORD })).location, "/login/approval");
  return browser;
}

async function isSignedIn(browser: Browser): Promise<boolean> {
  return (await browser.get("/account")).status === 200;
}

async function historyOf(username: string): Promise<string[]> {
  const subscriber = await deps.subscribers.findByName(username);
  const events = await deps.audit.list(subscriber?.id ?? "", { limit: 50 });
  return events.map(({ kind, detail }) => `${kind} ${detail}`);
}

async function factorsOf(username: string) {
  return deps.factors.listActive((await deps.subscribers.findByName(username))?.id ?? "");
}

describe("a passkey as second factor", () => {
  it("is asked for without a push, opens its account once, and is noted with when", async () => {
    const { username, holder } = await withPasskey();
    const browser = await typed(username);
    const page = await browser.visit("/login/approval");
    assert.equal(page.html.querySelector("h1")?.text, "Use your passkey");
    const { status, said, body } = await provePasskey(browser, SIGN_IN, (options) => holder.use(options));
    assert.deepEqual([status, said], [200, { location: "/account" }], body);
    assert.equal(await isSignedIn(browser), true);
    const [factor] = await factorsOf(username);
    assert.notEqual(factor?.lastUsedAt, null);
    assert.equal((await historyOf(username))[0], "signed-in passkey");
    const account = await browser.visit("/account");
    assert.equal(account.html.querySelector("#phone-title")?.text, "Passkey");
  });

  it("is made discoverable, with the person unlocked, without attestation, and not twice in one authenticator", async () => {
    const { username, browser, holder } = await withPasskey();
    await application.addApp(username);
    const about = { action: "add-factor", factor: "passkey" };
    assert.equal((await browser.post("/account/approval", about)).location, "/account/approval");
    assert.equal((await provePasskey(browser, STEP_UP, (options) => holder.use(options))).status, 200);
    await adding(browser);
    const { said } = await askScript(browser, `${REGISTRATION}/passkey/options`);
    assert.deepEqual(said["authenticatorSelection"], {
      ...{ residentKey: "required", requireResidentKey: true, userVerification: "required" },
    });
    assert.equal(said["attestation"], "none");
    assert.deepEqual(said["rp"], { id: "localhost", name: "Example" });
    const excluded = said["excludeCredentials"] as { id: string }[];
    assert.deepEqual(excluded.map(({ id }) => id), holder.credentials.map(({ id }) => id)); // prettier-ignore
    const { id } = said["user"] as { id: string };
    assert.equal(id, holder.credentials[0]?.userHandle, "the same name of the account each time");
    assert.doesNotMatch(Buffer.from(id, "base64url").toString("latin1"), new RegExp(username));
    assert.equal(Buffer.from(id, "base64url").length, 32);
    const other = await register();
    await adding(other.browser);
    const of = (await askScript(other.browser, `${REGISTRATION}/passkey/options`)).said["user"] as { id: string };
    assert.notEqual(of.id, id);
  });

  it("PH2: is not active for having been asked for, and none is left over when the enrolment is cancelled", async () => {
    const { username, browser } = await register();
    await adding(browser);
    const { said } = await askScript(browser, `${REGISTRATION}/passkey/options`);
    assert.deepEqual(await factorsOf(username), []);
    await browser.post(`${REGISTRATION}/cancel`);
    const late = await askScript(browser, `${REGISTRATION}/passkey`, openPasskeyHolder(SITE.origin).make(said));
    assert.deepEqual(late.said, { location: REGISTRATION });
    assert.deepEqual(await factorsOf(username), []);
  });

  it("allows one act of somebody who is signed in, for the session that asked alone", async () => {
    const { browser, holder } = await withPasskey();
    await browser.post("/account/approval", { action: "disable-two-factor" });
    const stolen = await askScript(browser, `${STEP_UP}/options`);
    const other = await withPasskey();
    await other.browser.post("/account/approval", { action: "disable-two-factor" });
    const foreign = await askScript(other.browser, STEP_UP, holder.use(stolen.said));
    assert.equal(foreign.status, 422);
    const own = await provePasskey(browser, STEP_UP, (options) => holder.use(options));
    assert.deepEqual(own.said, { location: "/account/two-factor/disable" });
    assert.equal((await browser.post("/account/two-factor/disable")).location, "/account/two-factor");
  });
});

/** What is refused with 422, and changes nothing. */
async function refused(answer: Answer, browser: Browser): Promise<void> {
  assert.equal(answer.status, 422, answer.body);
  assert.match(answer.body, /not accepted, and nothing was done/);
  assert.equal(await isSignedIn(browser), false);
}

describe("PH17 a passkey's answer", () => {
  const strangersKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const TWISTS: Readonly<Record<string, Twist>> = {
    "of another site": { origin: "https://login.example.org" },
    "of our host at another port": { origin: "http://localhost:3001" },
    "of a frame in another site": { crossOrigin: true },
    "for another host's credentials": { rpId: "example.org" },
    "without the person having unlocked it": { isUnlocked: false },
    "without anybody there": { isPresent: false },
    "to a challenge that nobody made": { challenge: "AAAA" },
    "signed by another key": { by: strangersKey },
    "of the other ceremony": { type: "webauthn.create" },
    "that names another account": { userHandle: Buffer.alloc(32, 7).toString("base64url") },
  };
  for (const [what, twist] of Object.entries(TWISTS))
    it(`PH17 ${what} opens nothing`, async () => {
      const { username, holder } = await withPasskey();
      const browser = await typed(username);
      await refused(await provePasskey(browser, SIGN_IN, (options) => holder.use(options, twist)), browser);
      const right = await provePasskey(browser, SIGN_IN, (options) => holder.use(options));
      assert.equal(right.status, 200, "the right answer still counts");
    });

  it("PH17: a new passkey with any of these faults is not taken", async () => {
    const faults = ["of another site", "of a frame in another site", "for another host's credentials"];
    const others = [
      "without the person having unlocked it",
      "without anybody there",
      "to a challenge that nobody made",
    ];
    for (const what of [...faults, ...others]) {
      const { username, browser } = await register();
      await adding(browser);
      const holder = openPasskeyHolder(SITE.origin);
      const make = (options: object): object => holder.make(options, TWISTS[what]);
      const { status } = await provePasskey(browser, `${REGISTRATION}/passkey`, make);
      assert.equal(status, 422, what);
      assert.deepEqual(await factorsOf(username), [], what);
    }
  });

  it("PH17: another account's passkey opens neither this account nor its own one", async () => {
    const [ada, bob] = [await withPasskey(), await withPasskey()];
    const browser = await typed(ada.username);
    const use = (options: object): object => bob.holder.use(options, {}, bob.holder.credentials[0]);
    await refused(await provePasskey(browser, SIGN_IN, use), browser);
  });

  it("PH17: a challenge of another attempt, of another act or of before counts for nothing", async () => {
    const { username, browser: signedIn, holder } = await withPasskey();
    const [first, second] = [await typed(username), await typed(username)];
    const asked = await askScript(first, `${SIGN_IN}/options`);
    await refused(await askScript(second, SIGN_IN, holder.use(asked.said)), second);
    await signedIn.post("/account/approval", { action: "disable-two-factor" });
    const ofAct = await askScript(signedIn, `${STEP_UP}/options`);
    await refused(await askScript(second, SIGN_IN, holder.use(ofAct.said)), second);
    await signedIn.post("/account/approval", { action: "change-password" });
    assert.equal((await askScript(signedIn, STEP_UP, holder.use(ofAct.said))).status, 422);
    const before = Buffer.from(String(asked.said["challenge"]), "base64url");
    before.writeUIntBE(Date.now() + 3_600_000, 16, 6);
    const longer = { ...asked.said, challenge: before.toString("base64url") };
    await refused(await askScript(first, SIGN_IN, holder.use(longer)), first);
  });

  it("PH17: an answer is spent once: repeated by its browser it is the same sign-in, and elsewhere it opens nothing", async () => {
    const { username, holder } = await withPasskey();
    const browser = await typed(username);
    const asked = await askScript(browser, `${SIGN_IN}/options`);
    const answer = holder.use(asked.said);
    const thief = browser.copy();
    assert.equal((await askScript(browser, SIGN_IN, answer)).status, 200);
    await browser.post("/logout");
    assert.deepEqual((await askScript(thief, SIGN_IN, answer)).said, { location: "/login/approval" });
    assert.equal(await isSignedIn(thief), false);
  });

  it("PH17: of 20 at once with one answer one is spent", async () => {
    const { username, holder } = await withPasskey(true);
    const browser = await typed(username);
    const answer = holder.use((await askScript(browser, `${SIGN_IN}/options`)).said);
    await Promise.all(Array.from({ length: 20 }, () => askScript(browser.copy(), SIGN_IN, answer)));
    assert.equal((await historyOf(username)).filter((each) => each === "signed-in passkey").length, 1);
  });

  it("PH17: a counter that went back is refused and told to the owner, unless the passkey is synced", async () => {
    for (const isSynced of [false, true]) {
      const { username, holder } = await withPasskey(isSynced);
      const use = (counter: number) => (options: object) => holder.use(options, { counter });
      const first = await typed(username);
      assert.equal((await provePasskey(first, SIGN_IN, use(7))).status, 200);
      const browser = await typed(username);
      const again = await provePasskey(browser, SIGN_IN, use(isSynced ? 0 : 7));
      assert.equal(again.status, isSynced ? 200 : 422);
      const told = (await historyOf(username)).includes("sign-in-denied passkey-copied");
      assert.equal(told, !isSynced);
      if (!isSynced)
        assert.match((await first.get("/account")).body, /A passkey was refused, because somebody may have copied it/);
    }
  });

  it("PH6: a passkey that is removed opens nothing, not even between the answer and its spending", async () => {
    const { username, browser: owner, holder } = await withPasskey();
    await application.addApp(username);
    const [factor] = await factorsOf(username);
    const browser = await typed(username);
    const { said } = await askScript(browser, `${SIGN_IN}/options`);
    const named = { action: "remove-factor", factor: factor?.id ?? "" };
    assert.equal((await owner.post("/account/approval", named)).location, "/account/approval");
    await provePasskey(owner, STEP_UP, (options) => holder.use(options));
    const removed = await owner.post(`/account/two-factor/factors/${factor?.id ?? ""}/remove`);
    assert.equal(removed.location, "/account/two-factor");
    assert.deepEqual((await askScript(browser, SIGN_IN, holder.use(said))).said, { location: "/login/approval" });
    assert.equal(await isSignedIn(browser), false);
    assert.deepEqual(await deps.passkeys.findOf([factor?.id ?? ""]), []);
  });

  it("PH17: a credential that protects another account already is not added to a second one", async () => {
    const ada = await withPasskey();
    const { username, browser } = await register();
    await adding(browser);
    const forged = (options: object): object => {
      const made = openPasskeyHolder(SITE.origin).make(options) as {
        id: string;
        response: { attestationObject: string };
      };
      const [own = ""] = ada.holder.credentials.map(({ id }) => id);
      const object = Buffer.from(made.response.attestationObject, "base64url");
      const at = object.indexOf(Buffer.from(made.id, "base64url"));
      Buffer.from(own, "base64url").copy(object, at);
      const response = { ...made.response, attestationObject: object.toString("base64url") };
      return { ...made, id: own, rawId: own, response };
    };
    await provePasskey(browser, `${REGISTRATION}/passkey`, forged);
    const page = await browser.visit(REGISTRATION);
    assert.deepEqual([page.status, page.html.querySelector("h1")?.text], [409, "This passkey is taken"]);
    assert.deepEqual(await factorsOf(username), []);
  });
});

const ALONE = "/login/passkey";

describe("a passkey alone", () => {
  it("signs its owner in with nothing beside it, on to where they wanted to go, and counts as no password", async () => {
    const { username, holder } = await withPasskey(true);
    const browser = openBrowser(origin);
    const asked = await askScript(browser, `${ALONE}/options`);
    assert.equal("allowCredentials" in asked.said, false, "nobody learns who has a passkey");
    const { said } = await askScript(browser, `${ALONE}?next=%2Faccount%2Factivity`, holder.use(asked.said));
    assert.deepEqual(said, { location: "/account/activity" });
    assert.equal(await isSignedIn(browser), true);
    assert.equal((await historyOf(username))[0], "signed-in passkey");
    assert.match((await browser.visit("/account/two-factor?add=totp")).body, /We ask for your passkey first/);
    const [session] = await deps.sessions.list((await deps.subscribers.findByName(username))?.id ?? "", deps.now());
    assert.deepEqual([session?.level, session?.methods], [3, ["pop", "user", "mfa"]]);
    assert.equal(session?.passwordAt.getTime(), 0, "S15");
  });

  it("PH17: is spent once, in the browser that asked, and not in the place of a second factor", async () => {
    const { username, holder } = await withPasskey(true);
    const [browser, thief] = [openBrowser(origin), openBrowser(origin)];
    const asked = await askScript(browser, `${ALONE}/options`);
    const answer = holder.use(asked.said);
    await refused(await askScript(thief, ALONE, answer), thief);
    const answers = await Promise.all(Array.from({ length: 20 }, () => askScript(browser.copy(), ALONE, answer)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal((await historyOf(username)).filter((each) => each === "signed-in passkey").length, 1);
    const attempt = await typed(username);
    const own = await askScript(attempt, `${ALONE}/options`);
    await refused(await askScript(attempt, SIGN_IN, holder.use(own.said)), attempt);
    const ofAttempt = await askScript(attempt, `${SIGN_IN}/options`);
    await refused(await askScript(attempt, ALONE, holder.use(ofAttempt.said)), attempt);
  });

  it("PH17: has to say whose it is, and opens no other account and no disabled one", async () => {
    const { username, holder } = await withPasskey(true);
    for (const twist of [{ userHandle: null }, { userHandle: Buffer.alloc(32, 9).toString("base64url") }]) {
      const browser = openBrowser(origin);
      await refused(await provePasskey(browser, ALONE, (options) => holder.use(options, twist)), browser);
    }
    const subscriber = await deps.subscribers.findByName(username);
    assert.equal(await deps.subscribers.disable(subscriber?.id ?? "", deps.now()), true);
    const browser = openBrowser(origin);
    await refused(await provePasskey(browser, ALONE, (options) => holder.use(options)), browser);
  });
});

describe("what scripts send", () => {
  it("X1 X2 needs the page's token in a header, and a page of ours", async () => {
    const { username } = await withPasskey();
    const browser = await typed(username);
    for (const headers of [
      { "x-csrf-token": "another" },
      { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
      { "x-csrf-token": "" },
    ])
      for (const path of [SIGN_IN, `${SIGN_IN}/options`, STEP_UP, `${REGISTRATION}/passkey`])
        assert.equal((await askScript(browser, path, {}, headers as Record<string, string>)).status, 403, path);
  });

  it("A18: anything but what browsers give gets a clear refusal, never 5xx", async () => {
    const { username, holder } = await withPasskey();
    const browser = await typed(username);
    const right = holder.use((await askScript(browser, `${SIGN_IN}/options`)).said) as Record<string, unknown>;
    const bodies: unknown[] = [
      ...[{}, [], null, 1, "text", { ...right, id: {} }, { ...right, response: [] }, { ...right, rawId: "AAAA" }],
      { ...right, response: { ...(right["response"] as object), clientDataJSON: "!!" } },
      { ...right, response: { ...(right["response"] as object), authenticatorData: "AA" } },
      { ...right, response: { ...(right["response"] as object), signature: "A".repeat(3000) } },
      { ...right, id: "é", rawId: "é" },
    ];
    for (const body of bodies) {
      const { status } = await askScript(browser, SIGN_IN, JSON.stringify(body));
      assert.ok([400, 422].includes(status), `${JSON.stringify(body).slice(0, 80)}: ${status}`);
    }
    assert.equal((await askScript(browser, SIGN_IN, "{")).status, 400);
    assert.equal((await askScript(browser, SIGN_IN, `"${"a".repeat(40_000)}"`)).status, 413);
    assert.equal((await askScript(browser, SIGN_IN, right, { "content-type": "text/plain" })).status, 415);
    assert.equal(await isSignedIn(browser), false);
  });

  it("S9: a challenge that was answered stands in no row but as a hash", async () => {
    const { username, holder } = await withPasskey();
    const browser = await typed(username);
    const { said } = await askScript(browser, `${SIGN_IN}/options`);
    assert.equal((await askScript(browser, SIGN_IN, holder.use(said))).status, 200);
    const challenge = String(said["challenge"]);
    assert.equal(await deps.passkeys.spendChallenge(hashSecret(challenge), deps.now()), false);
    assert.equal(await deps.passkeys.spendChallenge(challenge, deps.now()), true);
  });
});
