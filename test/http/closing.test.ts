import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import type { MailRow } from "../../src/database/schema.js";
import { eraseClosedAccounts } from "../../src/domain/close-account.js";
import { hashSecret } from "../../src/domain/secrets.js";
import { sendDueMails } from "../../src/domain/send-mails.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { linkIn, mailSettings, startMailServer } from "../kit/mail-server.js";
import { serveApplication } from "./served-application.js";

const PASSWORD = "violet harbour lantern nine";

const server = await startMailServer({ after });
const application = await serveApplication({ after }, { ...mailSettings(server), CLOSE_GRACE_DAYS: "0.5" });
const { origin, deps: all } = application;
assert.ok(all.mail);
const deps = { ...all, mail: all.mail };

async function register(username: string): Promise<Browser> {
  const browser = openBrowser(origin);
  const form = { username, email: `${username}@example.com`, password: PASSWORD };
  assert.equal((await browser.post("/register", form)).location, "/account");
  return browser;
}

async function closed(username: string): Promise<Browser> {
  const browser = await register(username);
  const answer = await browser.post("/account/close", { current_password: PASSWORD });
  assert.equal(answer.location, "/login");
  return browser;
}

const accountOf = (username: string) => deps.subscribers.findByName(username);
const signIn = (browser: Browser, username: string) => browser.post("/login", { username, password: PASSWORD });

/** What a worker does, so many days from now. */
async function work(days = 0): Promise<void> {
  const then = { ...deps, now: () => new Date(Date.now() + days * 86_400_000) };
  await eraseClosedAccounts(then);
  await sendDueMails(then);
}

describe("closing an account", () => {
  it("C1 needs the password where there is nothing else, and signs everybody out", async () => {
    const browser = await register("ann");
    const elsewhere = openBrowser(origin);
    assert.equal((await signIn(elsewhere, "ann")).location, "/account");
    for (const current_password of ["", "not the password"])
      assert.equal((await browser.post("/account/close", { current_password })).status, 422);
    assert.equal((await accountOf("ann"))?.closedAt, null);
    assert.equal((await browser.post("/account/close", { current_password: PASSWORD })).location, "/login");
    assert.ok((await accountOf("ann"))?.closedAt instanceof Date);
    for (const each of [browser, elsewhere])
      assert.equal((await each.get("/account")).location, "/login?next=%2Faccount");
  });

  it("C1 needs a step-up of its own where a factor is enrolled, which the password does not replace", async () => {
    const browser = await register("bob");
    await application.addPhone("bob");
    assert.match((await browser.get("/account/close")).body, /Ask my phone/);
    const refused = await browser.post("/account/close", { current_password: PASSWORD });
    assert.equal(refused.location, "/account/close");
    for (const action of ["change-email", "close-account"]) {
      assert.equal((await accountOf("bob"))?.closedAt, null);
      assert.equal((await browser.post("/account/approval", { action })).location, "/account/approval");
      const attempt = await deps.attempts.findByKey(hashSecret(browser.cookies.get("countersign-step-up") ?? ""));
      assert.equal(await deps.attempts.grant(attempt?.id ?? "", deps.now()), true);
      const { location } = await browser.post("/account/close");
      assert.equal(location, action === "close-account" ? "/login" : "/account/close");
    }
    assert.ok((await accountOf("bob"))?.closedAt instanceof Date);
  });

  it("C2 is undone by signing in before its time is over, which the next page says once", async () => {
    const browser = await closed("cat");
    assert.match((await browser.get("/login")).body, /Your account is closed/);
    await work(0.4);
    assert.equal((await signIn(browser, "cat")).location, "/account");
    assert.match((await browser.get("/account")).body, /it is yours again/);
    assert.doesNotMatch((await browser.get("/account")).body, /it is yours again/);
    await work(2);
    assert.equal((await accountOf("cat"))?.closedAt, null);
  });

  it("C2 is undone by the link in its notice, for an owner whom somebody else has closed out", async () => {
    await closed("dot");
    await work();
    const notice = await server.mailTo("dot@example.com", /is closed/);
    assert.match(notice.text, /erased\s+after [^.]*20\d\d[^.]* UTC/);
    assert.equal((await openBrowser(origin).post(linkIn(notice))).location, "/login");
    const account = await accountOf("dot");
    assert.deepEqual([account?.closedAt, account?.mustChangePassword], [null, true]);
  });

  it("C3 C4 ends with a last message, and its name is free again", async () => {
    await closed("eve");
    await work(0.6);
    assert.equal(await accountOf("eve"), null);
    const told = server.allTo("eve@example.com");
    assert.deepEqual(
      told.map(({ subject }) => subject),
      ["Example: your account is closed", "Example: your account is erased"],
    );
    for (const { text } of told) assert.doesNotMatch(text, /not-me/, "a link that opens nothing any more");
    assert.equal((await signIn(openBrowser(origin), "eve")).status, 422);
    const kept = await application.database.getRepository<MailRow>("mail").countBy({ recipient: "eve@example.com" });
    assert.equal(kept, 0, "messages are kept for longer than it takes to send them");
    await register("eve");
  });
});

describe("what is kept about a person", () => {
  it("C5 is downloaded by its owner alone, as JSON without hashes", async () => {
    assert.equal((await openBrowser(origin).get("/account/export")).location, "/login?next=%2Faccount%2Fexport");
    const browser = await register("fay");
    const { status, headers, body } = await browser.get("/account/export");
    assert.equal(status, 200);
    assert.match(String(headers["content-type"]), /^application\/json/);
    assert.equal(headers["content-disposition"], 'attachment; filename="fay.json"');
    const kept = JSON.parse(body) as Record<string, { username?: string; kind?: string }[]>;
    assert.equal(kept["account"]?.[0]?.username, "fay");
    assert.equal(kept["history"]?.[0]?.kind, "registered");
    assert.doesNotMatch(body, /argon2|[Hh]ash/);
  });
});
