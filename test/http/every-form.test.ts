import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { parse } from "node-html-parser";

import type { LinkPurpose } from "../../src/domain/mail.js";
import { addSite } from "../../src/domain/manage-applications.js";
import { hashSecret, newSecret } from "../../src/domain/secrets.js";
import { settleChallenge } from "../../src/domain/settle-challenge.js";
import { settleEnrolment } from "../../src/domain/settle-enrolment.js";
import { csrfToken } from "../../src/http/middleware/visit.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { KEY, serveApplication } from "./served-application.js";

const application = await serveApplication({ after });
const { origin, deps, postRoutes } = application;
const PASSWORD = "violet harbour lantern nine";
const RECOVERY_CODE = "abcd-efgh-jkmn-pqrs";

/** What no page posts to: Authy calls these, and proxies ask about requests of every method. */
const OF_MACHINES = [
  ...["/webhooks/authy/events", "/webhooks/authy/onetouch"],
  ...["/forward-auth", "/.countersign/:step"],
];

/** What no form posts to: scripts of our own pages send JSON there. */
const OF_SCRIPTS = [
  "/account/two-factor/registration/passkey",
  "/login/approval/passkey",
  "/account/approval/passkey",
  "/login/passkey",
].flatMap((path) => [path, `${path}/options`]);

async function register(username: string): Promise<Browser> {
  const browser = openBrowser(origin);
  const form = { username, email: `${username}@example.com`, password: PASSWORD };
  assert.equal((await browser.post("/register", form)).location, "/account");
  return browser;
}

async function withPhone(username: string): Promise<Browser> {
  const browser = await register(username);
  await application.addPhone(username);
  return browser;
}

async function signingIn(username: string): Promise<Browser> {
  await withPhone(username);
  const browser = openBrowser(origin);
  assert.equal((await browser.post("/login", { username, password: PASSWORD })).location, "/login/approval");
  return browser;
}

async function steppingUp(username: string, action = "replace-phone"): Promise<Browser> {
  const browser = await withPhone(username);
  assert.equal((await browser.post("/account/approval", { action })).location, "/account/approval");
  return browser;
}

async function heldAttempt(browser: Browser, cookie: "attempt" | "step-up"): Promise<string> {
  const attempt = await deps.attempts.findByKey(hashSecret(browser.cookies.get(`countersign-${cookie}`) ?? ""));
  assert.ok(attempt, "the browser holds no attempt");
  return attempt.id;
}

async function denied(browser: Browser, cookie: "attempt" | "step-up"): Promise<Browser> {
  const challenge = await deps.challenges.findDecisive(await heldAttempt(browser, cookie));
  assert.ok(challenge, "no request was sent");
  assert.equal(await settleChallenge(deps, challenge.id, "denied", "callback"), true);
  return browser;
}

async function granted(username: string, action: string): Promise<Browser> {
  const browser = await steppingUp(username, action);
  assert.equal(await deps.attempts.grant(await heldAttempt(browser, "step-up"), deps.now()), true);
  return browser;
}

const nobody = openBrowser(origin);
const beginner = await register("ada");
const enrolling = await register("bea");
assert.match((await enrolling.post("/account/two-factor/registration")).location, /registration$/);
const enrollingApp = await register("bob");
assert.match((await enrollingApp.post("/account/two-factor/registration", { type: "totp" })).location, /registration$/);
const owner = await register("cyd");
assert.equal((await openBrowser(origin).post("/login", { username: "cyd", password: PASSWORD })).location, "/account");
await application.addPhone("cyd");
const revoke = /action="(\/account\/sessions\/[\w-]+\/revoke)"/.exec((await owner.get("/account")).body)?.[1] ?? "";
const signing = await signingIn("dan");
const deniedSignIn = await denied(await signingIn("eve"), "attempt");
const stepping = await steppingUp("fay");
const deniedStepUp = await denied(await steppingUp("gus"), "step-up");

const removingLost = await withPhone("joe");
const third = await application.addApp("joe");
const removing = await withPhone("jim");
const second = await application.addApp("jim");
const named = { action: "remove-factor", factor: second };
assert.equal((await removing.post("/account/approval", named)).location, "/account/approval");
assert.equal(await deps.attempts.grant(await heldAttempt(removing, "step-up"), deps.now()), true);

/** A link that a message to this account could carry. @returns its token. */
async function aLink(username: string, purpose: LinkPurpose): Promise<string> {
  const [token, subscriber] = [newSecret(), await deps.subscribers.findByName(username)];
  assert.ok(subscriber);
  const { id: subscriberId, email: address, epoch } = subscriber;
  const [createdAt, expiresAt] = [new Date(), new Date(Date.now() + 600_000)];
  const link = { tokenHash: hashSecret(token), mailId: token, purpose, subscriberId, address };
  await deps.links.insert({ ...link, epoch, createdAt, expiresAt });
  return token;
}
await register("lil");
const linkTokens = [await aLink("lil", "verify"), await aLink("lil", "undo"), await aLink("lil", "not-me")];

interface Form {
  /** The route's pattern. */
  readonly route: string;
  /** Where it goes, where the pattern is none. */
  readonly action?: string;
  /** A browser that may have the form's page before it. */
  readonly browser: Browser;
  readonly fields?: Readonly<Record<string, string>>;
}

/** Each form of the program. */
const FORMS: readonly Form[] = [
  { route: "/language", browser: nobody, fields: { language: "en" } },
  { route: "/login", browser: nobody, fields: { username: "ada", password: PASSWORD } },
  { route: "/login/again", browser: owner, fields: { password: PASSWORD } },
  { route: "/register", browser: nobody, fields: { username: "ann", email: "ann@example.com", password: PASSWORD } },
  { route: "/logout", browser: owner },
  { route: "/login/approval/resend", browser: signing },
  { route: "/login/approval/cancel", browser: signing },
  { route: "/login/approval/finish", browser: signing, fields: { match_code: "123456" } },
  { route: "/login/approval/not-me", browser: deniedSignIn, fields: { confirm: "yes" } },
  { route: "/login/code", browser: signing, fields: { code: "1234567" } },
  { route: "/login/code/sms", browser: signing },
  ...[
    "disable-two-factor",
    "replace-phone",
    "move-from-authy",
    "change-password",
    "new-recovery-codes",
    "change-email",
    "close-account",
  ].map((action) => ({
    ...{ route: "/account/approval", browser: stepping, fields: { action } },
  })),
  { route: "/account/approval", browser: stepping, fields: { action: "add-factor", factor: "totp" } },
  { route: "/account/approval", browser: removingLost, fields: { action: "remove-factor", factor: third } },
  { route: "/account/approval/resend", browser: stepping },
  { route: "/account/approval/cancel", browser: stepping },
  { route: "/account/approval/finish", browser: stepping },
  { route: "/account/approval/not-me", browser: deniedStepUp, fields: { confirm: "yes" } },
  { route: "/account/approval/code", browser: stepping, fields: { code: RECOVERY_CODE } },
  { route: "/account/approval/code/sms", browser: stepping },
  { route: "/account/two-factor/registration", browser: beginner },
  { route: "/account/two-factor/registration", browser: enrolling },
  { route: "/account/two-factor/registration", browser: enrollingApp, fields: { type: "totp" } },
  { route: "/account/two-factor/registration/confirm", browser: enrollingApp, fields: { code: "123456" } },
  { route: "/account/two-factor/registration/cancel", browser: enrolling },
  ...["rename", "prefer", "remove"].map((act) => ({
    ...{ route: `/account/two-factor/factors/:id/${act}`, action: `/account/two-factor/factors/${second}/${act}` },
    ...{ browser: removing, fields: act === "rename" ? { label: "My old phone" } : {} },
  })),
  { route: "/account/two-factor/move/later", browser: owner },
  { route: "/account/two-factor/disable", browser: await granted("hal", "disable-two-factor") },
  { route: "/account/recovery-codes", browser: await granted("ida", "new-recovery-codes") },
  { route: "/account/password", browser: beginner, fields: { current_password: PASSWORD, password: PASSWORD } },
  { route: "/account/email", browser: beginner, fields: { email: "new@example.com", current_password: PASSWORD } },
  { route: "/account/close", browser: beginner, fields: { current_password: PASSWORD } },
  { route: "/password/reset", browser: nobody, fields: { username: "ada" } },
  {
    ...{ route: "/password/reset/:token", action: `/password/reset/${await aLink("lil", "reset")}` },
    ...{ browser: nobody, fields: { password: PASSWORD } },
  },
  ...(["/account/email/verify", "/account/email/undo", "/not-me"] as const).map((path, at) => ({
    ...{ route: `${path}/:token`, action: `${path}/${linkTokens[at] ?? ""}`, browser: nobody },
  })),
  { route: "/account/sessions/revoke-others", browser: owner },
  { route: "/account/sessions/:id/revoke", action: revoke, browser: owner },
  { route: "/account/applications/:id/end", action: `/account/applications/${await opened()}/end`, browser: owner },
];

/** An application behind the gate that the owner has opened. */
async function opened(): Promise<string> {
  const given = { name: "Reports", level: 1, maxAgeSeconds: null, admitted: [] } as const;
  const site = { origin: "https://app.example.org", publicPaths: [], allowsPreflight: false };
  const applicationId = (await addSite(deps, site, given))?.id ?? "";
  const { id: subscriberId = "" } = (await deps.subscribers.findByName("cyd")) ?? {};
  for (const { signInId } of await deps.sessions.list(subscriberId, deps.now()))
    await deps.gate.insertSession({
      ...{ keyHash: newSecret(), applicationId, signInId, subscriberId },
      createdAt: deps.now(),
    });
  return applicationId;
}

/** The form token in the page's form that goes there. */
function tokenOf(html: string, action: string): string | undefined {
  return parse(html).querySelector(`form[action="${action}"] [name="csrf"]`)?.getAttribute("value");
}

function noteIn(html: string): string {
  return parse(html).querySelector(".flashes .warning")?.text ?? "";
}

/** The same browser, in which another tab's visit has replaced the one that this page is of; or that has lost it. */
async function withVisitOf(browser: Browser, other: Browser | null): Promise<Browser> {
  const copy = browser.copy();
  await other?.get("/login");
  for (const name of ["countersign-visit", "countersign-visit.sig"]) {
    const value = other?.cookies.get(name);
    if (value === undefined) copy.cookies.delete(name);
    else copy.cookies.set(name, value);
  }
  return copy;
}

describe("every form", () => {
  it("is one of these: each address that takes POST, but for those of machines and scripts", () => {
    const known = [...new Set(FORMS.map(({ route }) => route)), ...OF_MACHINES, ...OF_SCRIPTS];
    assert.deepEqual(postRoutes.toSorted(), known.toSorted());
  });

  for (const { route, action = route, browser, fields = {} } of FORMS) {
    const name = `${route}${"action" in fields ? ` (${fields["action"]})` : ""}`;

    it(`K6 ${name} comes again with a fresh token when the visit was replaced, and once more is enough`, async () => {
      const token = await browser.token();
      const replaced = await withVisitOf(browser, openBrowser(origin));
      const { status, body } = await replaced.post(action, { ...fields, csrf: token });
      assert.equal(status, 403);
      const visit = replaced.cookies.get("countersign-visit") ?? "";
      assert.equal(tokenOf(body, action), csrfToken(visit, [KEY]), noteIn(body));
      assert.match(noteIn(body), /nothing was done\. .* press the button once more/);
      const isSecret = (value: string): boolean => [PASSWORD, RECOVERY_CODE].includes(value);
      for (const [field, value] of Object.entries(fields))
        assert.equal(body.includes(`value="${value}"`), !isSecret(value), field);
      assert.equal(noteIn(body).includes("Type again what is empty"), Object.values(fields).some(isSecret));
    });

    it(`K6 ${name} says that cookies are needed where none came`, async () => {
      const { status, body } = await openBrowser(origin).post(action, { ...fields, csrf: await browser.token() });
      assert.equal(status, 403);
      assert.match(noteIn(body), /sent no cookie, .* This site needs cookies/);
    });

    it(`${name} leads the address bar back to its page`, async () => {
      const page = await browser.visit(action);
      assert.equal(page.status, 200);
      // A step-up begins on the page of its act, which the address alone does not tell.
      if (route !== "/account/approval") assert.notEqual(tokenOf(page.body, action), undefined, page.url.pathname);
    });
  }

  it("K6 comes again where the visit alone was lost, as when a remembered browser starts again", async () => {
    const lost = await withVisitOf(owner, null);
    const { status, body } = await lost.post("/logout", { csrf: await owner.token() });
    assert.equal(status, 403);
    assert.match(noteIn(body), /press the button once more/);
    assert.equal((await lost.post("/logout", { csrf: tokenOf(body, "/logout") ?? "" })).status, 303);
  });
});

describe("K6 what a person reads whose form is no longer on its page", () => {
  it("is where to go on, and never that a button is there", async () => {
    const late = openBrowser(origin);
    const token = await late.token();
    await late.post("/login", { username: "ada", password: PASSWORD });
    const { status, body } = await late.post("/login", { username: "ada", password: PASSWORD, csrf: `${token}x` });
    assert.equal(status, 403);
    assert.match(body, /<h1>Your account<\/h1>/);
    assert.match(noteIn(body), /nothing was done\. Go on from here/);
  });

  it("is not that a phone was added, where a form would add another one", async () => {
    const replacing = await granted("jon", "replace-phone");
    await replacing.post("/account/two-factor/registration");
    const subscriber = await deps.subscribers.findByName("jon");
    const [pending] = await deps.enrolments.findOpenOfSubscriber(subscriber?.id ?? "");
    assert.ok(pending, "nothing is pending");
    await settleEnrolment(deps, pending.id, { state: "completed", providerId: "a new phone" }, "callback");
    assert.match((await replacing.get("/account/two-factor/registration")).body, /Your phone is added/);
    const { body } = await replacing.post("/account/two-factor/registration", { csrf: "stale" });
    assert.match(body, /<h1>Your phone protects this account<\/h1>/);
  });
});
