import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { type Browser, formHeaders } from "../kit/browser.js";
import { enrol, isSignedIn, type Person } from "../kit/people.js";
import { startProgram } from "../kit/program.js";

const program = await startProgram({ after }, { workers: 0 });

/** Approves a step-up whose reply is lost. @returns the browser without it, and the one that got it. */
async function stepUpWithLostReply(person: Person): Promise<{ without: Browser; got: Browser }> {
  const got = person.browser;
  await got.post("/account/approval", { action: "new-recovery-codes" });
  await person.tap();
  const without = got.copy(); // as it stays when the reply, with its cookies, never reaches it
  const reply = await got.post("/account/approval/finish");
  assert.equal(reply.location, "/account/recovery-codes");
  return { without, got };
}

/** Opens the next page as a browser does that follows redirects, and whose waiting page finishes by itself. */
async function opensAccount(browser: Browser): Promise<boolean> {
  for (let page = "/account", hops = 0; hops < 8; hops += 1) {
    const reply = await browser.get(page);
    const finish = /action="([^"]+\/finish)"/.exec(reply.body)?.[1];
    if (reply.status === 200 && finish === undefined) return page === "/account" || isSignedIn(browser);
    page = finish === undefined ? reply.location : (await browser.post(finish)).location;
  }
  return false;
}

const living = (person: Person): number =>
  program.rows.count(
    "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND level > 0 AND subscriber_id = ?",
    person.id,
  );

const COPIED = [
  "attempt_id",
  "subscriber_id",
  "factor_id",
  "browser_hash",
  "is_known_browser",
  "authy_id",
  "expires_at",
];
const COLUMNS = ["id", "authy_uuid", "state", "created_at", "version", "settled_at", "settled_by", ...COPIED];

const granted = (person: Person): number =>
  program.rows.count("SELECT count(*) FROM attempts WHERE state = 'granted' AND subscriber_id = ?", person.id);

describe("a lost reply", () => {
  it("F13: to a step-up costs neither the session nor the approval", async () => {
    const person = await enrol(program);
    const { without, got } = await stepUpWithLostReply(person);
    assert.equal(await isSignedIn(without), false);
    assert.equal((await without.post("/account/approval/finish")).location, "/account/recovery-codes");
    assert.equal(await isSignedIn(without), true);
    assert.equal(await isSignedIn(got), false, "the session of the lost reply has ended");
    assert.equal(granted(person), 1);
    assert.equal((await without.post("/account/recovery-codes")).status, 303);
    assert.equal(granted(person), 0, "the step-up was used");
    assert.equal(
      program.rows.count("SELECT count(*) FROM audit_events WHERE kind = 'step-up' AND subscriber_id = ?", person.id),
      1,
    );
  });

  it("T3: is no way back in after a logout", async () => {
    const person = await enrol(program);
    const { without, got } = await stepUpWithLostReply(person);
    await got.post("/logout");
    assert.equal((await without.post("/account/approval/finish")).location.startsWith("/login"), true);
    assert.equal(await isSignedIn(without), false);
  });

  it("T5: is handed over to the browser that asked, and to no other", async () => {
    const person = await enrol(program);
    const { without, got } = await stepUpWithLostReply(person);
    without.cookies.delete("countersign-step-up");
    await without.post("/account/approval/finish");
    assert.equal(await isSignedIn(without), false);
    assert.equal(await isSignedIn(got), true);
  });

  it("F13: to a step-up that a process of the release before left half done is made up for", async () => {
    const person = await enrol(program);
    const { browser } = person;
    await browser.post("/account/approval", { action: "new-recovery-codes" });
    const { uuid } = await person.tap();
    program.rows.run(
      `UPDATE challenges SET state = 'consumed', version = version + 1, consumed_at = settled_at WHERE authy_uuid = ?`,
      uuid,
    );
    program.rows.run(
      `UPDATE attempts SET state = 'granted', granted_at = created_at
       WHERE id = (SELECT attempt_id FROM challenges WHERE authy_uuid = ?)`,
      uuid,
    );
    const old = browser.copy();
    assert.equal((await browser.post("/account/approval/finish")).location, "/account/recovery-codes");
    assert.equal(await isSignedIn(old), false, "S1: under a new id");
    await browser.post("/account/recovery-codes");
    assert.equal(granted(person), 0, "the step-up was used");
  });

  it("T4: of a step-up that two tabs finish leaves it with the session that stays", async () => {
    const person = await enrol(program);
    await person.browser.post("/account/approval", { action: "new-recovery-codes" });
    await person.tap();
    const body = new URLSearchParams({ csrf: await person.browser.token() }).toString();
    const tabs = [person.browser.copy(), person.browser.copy()];
    // While the rows are locked each tab reads them as they are, and stops at its first change of them.
    program.rows.run("BEGIN IMMEDIATE");
    const finishing = tabs.map((tab) =>
      tab.send("POST", "/account/approval/finish", { body, headers: formHeaders(tab.origin) }),
    );
    for (let asks = 0; asks < 10; asks += 1) await person.browser.get("/healthz");
    program.rows.run("COMMIT");
    await Promise.all(finishing);
    const signedIn: Browser[] = [];
    for (const tab of tabs) if (await isSignedIn(tab)) signedIn.push(tab);
    assert.equal(signedIn.length, 1, "sessions of one approval");
    await signedIn[0]?.post("/account/recovery-codes");
    assert.equal(granted(person), 0, "the step-up was used");
  });

  for (const [act, waits, goesOn] of [
    ["a sign-in", "/login/approval", "/account"],
    ["a step-up", "/account/approval", "/account/recovery-codes"],
  ] as const) {
    it(`F13: to ${act}, from a database that went away on the way, costs neither the approval nor the session`, async () => {
      const person = await enrol(program);
      const { browser } = person;
      if (act === "a step-up") await browser.post(waits, { action: "new-recovery-codes" });
      else {
        await browser.post("/logout");
        await person.login(browser);
      }
      await person.tap();
      program.rows.run("CREATE TRIGGER away BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'away'); END");
      const failed = await browser.post(`${waits}/finish`);
      program.rows.run("DROP TRIGGER away");
      assert.equal(failed.status, 500);
      assert.equal(await isSignedIn(browser), act === "a step-up", "as before");
      assert.equal((await browser.post(`${waits}/finish`)).location, goesOn);
      assert.equal(await isSignedIn(browser), true);
      assert.equal(living(person), 1);
    });

    it(`T4: to eight finishes of ${act} at once, through two processes: one session lives, and every tab's next page is in it`, async () => {
      const person = await enrol(program);
      const { browser } = person;
      if (act === "a step-up") await browser.post(waits, { action: "new-recovery-codes" });
      else {
        await browser.post("/logout");
        await person.login(browser);
      }
      await person.tap();
      const second = await program.startWeb();
      const tabs = Array.from({ length: 8 }, (_, n) => browser.copy(n % 2 === 0 ? browser.origin : second.site));
      for (const reply of await Promise.all(tabs.map((tab) => tab.post(`${waits}/finish`))))
        assert.equal(reply.location, goesOn);
      assert.equal(living(person), 1);
      const signedIn = await Promise.all(tabs.map((tab) => isSignedIn(tab)));
      assert.equal(signedIn.filter(Boolean).length, 1, "one of the replies has the key of the session");
      // The browser may be left with the cookies of any of them.
      for (const tab of tabs) assert.equal(await opensAccount(tab), true);
      assert.equal(living(person), 1);
      await second.stop();
    });
  }

  it("F13: to a sign-in by code is made up for by the same form, and at the sign-in page", async () => {
    const person = await enrol(program);
    const { browser } = person;
    await person.stepUp("new-recovery-codes", browser);
    await browser.post("/account/recovery-codes");
    const codes = [...(await browser.get("/account/recovery-codes")).body.matchAll(/<code>([^<]+)<\/code>/g)];
    const recoveryCode = codes[0]?.[1] ?? "";
    for (const way of ["app code", "recovery code"]) {
      await browser.post("/logout");
      await person.login(browser);
      const code = way === "app code" ? await program.phone.code(person.authyId) : recoveryCode;
      const [sameForm, signInPage] = [browser.copy(), browser.copy()];
      assert.equal((await browser.post("/login/code", { code })).location, "/account", way);
      assert.equal((await sameForm.post("/login/code", { code })).location, "/account", way);
      assert.equal(await isSignedIn(sameForm), true, way);
      assert.equal(await isSignedIn(browser), false, "the session of the lost reply has ended");
      assert.equal(await opensAccount(signInPage), true, way);
      assert.equal(living(person), 1);
      await signInPage.post("/logout");
      assert.equal((await sameForm.post("/login/code", { code })).location, "/login/approval", "after the logout");
      assert.equal(await isSignedIn(sameForm), false);
      for (const [name, value] of signInPage.cookies) browser.cookies.set(name, value);
    }
    const left = program.rows.count(
      "SELECT count(*) FROM recovery_codes WHERE used_at IS NULL AND subscriber_id = ?",
      person.id,
    );
    assert.equal(left, 9, "one code was spent");
  });

  it("T3: to a cancel that came first opens nothing, and to one that came later changes nothing", async () => {
    for (const isCancelFirst of [true, false]) {
      const person = await enrol(program);
      const { browser } = person;
      await browser.post("/logout");
      await person.login(browser);
      await person.tap();
      const cancelling = browser.copy();
      if (isCancelFirst) await cancelling.post("/login/approval/cancel");
      await browser.post("/login/approval/finish");
      if (!isCancelFirst) await cancelling.post("/login/approval/cancel");
      assert.equal(await isSignedIn(browser), !isCancelFirst);
      assert.equal(/The request was cancelled/.test((await cancelling.get("/login")).body), isCancelFirst);
    }
  });

  it("F13: to a sign-in is made up for at the sign-in page too, as where two tabs' answers came in the wrong order", async () => {
    const person = await enrol(program);
    const { browser } = person;
    await browser.post("/logout");
    await person.login(browser, { next: "/account/sessions" });
    await person.tap();
    const otherTab = browser.copy();
    await browser.post("/login/approval/finish");
    await otherTab.post("/login/approval/finish");
    assert.equal(await isSignedIn(browser), false, "the other tab's session took the place of this one");
    assert.equal((await browser.get("/login?next=/account")).location, "/login/approval");
    assert.match((await browser.get("/login/approval")).body, /data-state="approved"/);
    assert.equal((await browser.post("/login/approval/finish")).location, "/account/sessions");
    assert.equal(await isSignedIn(browser), true);
    await browser.post("/logout");
    assert.equal((await browser.get("/login")).status, 200, "after the logout there is nothing to make up for");
  });

  it("T3: shows no approval that counts no more, since the page would spend it over and over", async () => {
    const person = await enrol(program);
    const other = program.openBrowser();
    const shown = async (): Promise<string> => {
      assert.equal((await other.post("/login/approval/finish")).location, "/login/approval");
      return (await other.get("/login/approval")).body;
    };
    await person.signIn(other);
    await person.browser.post("/logout");
    await person.signIn();
    await person.browser.post("/account/sessions/revoke-others");
    assert.match(await shown(), /data-state="cancelled"[^]*This request is over/, "the owner ended what it opened");
    assert.equal((await other.get("/login")).status, 200);

    await person.login(other);
    await person.tap();
    program.rows.run("UPDATE subscribers SET epoch = epoch + 1 WHERE id = ?", person.id);
    assert.match(await shown(), /data-state="cancelled"[^]*This request is over/, "the owner raised the alarm");
  });

  it("S2, T3: opens no session again that its owner ended", async () => {
    const person = await enrol(program);
    const elsewhere = program.openBrowser();
    await person.signIn(elsewhere);
    await person.browser.post("/logout");
    await person.signIn();
    assert.equal(await isSignedIn(elsewhere), true);
    await person.browser.post("/account/sessions/revoke-others");
    await elsewhere.post("/login/approval/finish");
    assert.equal(await isSignedIn(elsewhere), false, "after it was signed out elsewhere");

    const copy = person.browser.copy();
    await person.browser.post("/logout");
    await copy.post("/login/approval/finish");
    assert.equal(await isSignedIn(copy), false, "after the logout");
  });
});

describe("an approval", () => {
  it("T3: counts although a new request was sent at the same moment", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const { uuid, details } = await person.tap();
    // As if the resend had read the row before the tap, and written its own after it.
    program.rows.run(
      `INSERT INTO challenges (${COLUMNS.join(", ")})
       SELECT 'sent again', NULL, 'pending', datetime(created_at, '+1 second'), 1, NULL, NULL, ${COPIED.join(", ")}
       FROM challenges WHERE authy_uuid = ?`,
      uuid,
    );
    const code = details["Code"];
    const reply = await browser.post("/login/approval/finish", code === undefined ? {} : { match_code: code });
    assert.equal(reply.location, "/account");
    assert.equal(await isSignedIn(browser), true);
  });

  it("that nobody used in time gives way to a new request, without any worker", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const { uuid } = await person.tap();
    program.rows.run(
      "UPDATE challenges SET settled_at = datetime(settled_at, '-61 seconds') || '.000' WHERE authy_uuid = ?",
      uuid,
    );
    await browser.post("/login/approval/finish");
    assert.equal(await isSignedIn(browser), false);
    assert.match((await browser.get("/login/approval")).body, /data-state="expired"/);
    await browser.post("/login/approval/resend");
    assert.equal((await person.approve(browser)).location, "/account");
    assert.equal(await isSignedIn(browser), true);
  });

  it("K21: to a registration signs the same visit in again, and nobody else", async () => {
    const browser = program.openBrowser();
    await browser.get("/register");
    const without = browser.copy(); // as it stays when the reply, with its cookies, never reaches it
    const form = { username: "sent-twice", email: "twice@example.com", password: "violet harbour lantern twice" };
    assert.equal((await browser.post("/register", form)).location, "/account");
    const wrong = await without.post("/register", { ...form, password: "violet harbour lantern wrong" });
    assert.equal(wrong.status, 422);
    assert.equal((await program.openBrowser().post("/register", form)).status, 422, "another visit");
    assert.equal((await without.post("/register", form)).location, "/account");
    assert.equal(await isSignedIn(without), true);
    program.rows.run(
      "UPDATE subscribers SET created_at = datetime(created_at, '-61 seconds') || '.000' WHERE username = 'sent-twice'",
    );
    const late = without.copy();
    await late.post("/logout");
    assert.equal((await late.post("/register", form)).status, 422, "too late");
  });

  it("P2: a sign-in form of who is signed in already goes on to its page and asks no phone", async () => {
    const person = await enrol(program);
    const before = (await person.requests()).length;
    const reply = await person.browser.post("/login", {
      ...{ username: person.username.toUpperCase(), password: person.password, next: "/account/activity" },
    });
    assert.equal(reply.location, "/account/activity");
    assert.equal((await person.requests()).length, before);
    assert.equal((await person.login(program.openBrowser())).location, "/login/approval", "another browser is asked");
  });

  it("S12: nobody who is not signed in leaves a session behind by signing out", async () => {
    const before = program.rows.count("SELECT count(*) FROM sessions");
    const browser = program.openBrowser();
    assert.equal((await browser.post("/logout")).location, "/");
    assert.equal(program.rows.count("SELECT count(*) FROM sessions"), before);
  });
});
