import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { plainText, pushText } from "../../src/domain/push-text.js";
import { pushWords } from "../../src/http/push-words.js";
import { loadTexts } from "../../src/http/text.js";
import { type Answer, type Browser, openBrowser } from "../kit/browser.js";
import { enrol, isSignedIn, type Person, register, sendCallback, settled } from "../kit/people.js";
import type { PhoneRequest } from "../kit/phone.js";
import { startProgram } from "../kit/program.js";
import { setBack } from "../kit/rows.js";

const program = await startProgram(
  { after },
  {
    workers: 0,
    env: { LIMIT_PUSHES: "4", LIMIT_RESENDS: "2", PUSH_FREEZE_SECONDS: "600", APPROVED_TTL_SECONDS: "300" },
  },
);
const paced = await startProgram(
  { after },
  { workers: 0, env: { RESEND_AFTER_SECONDS: "60", LIMIT_RESENDS: "2", RESEND_WINDOW_SECONDS: "600" } },
);

describe("pushes", () => {
  const pushesOf = async (person: Person): Promise<number> => (await person.requests()).length;
  const finish = (browser: Browser, code?: string): Promise<Answer> =>
    browser.post("/login/approval/finish", code === undefined ? {} : { match_code: code });
  const wrong = (code = ""): string => String((Number(code) + 1) % 1_000_000).padStart(6, "0");

  it("P1 sends no push before the right password", async () => {
    const person = await enrol(program);
    for (const password of ["", "wrong", `${person.password} `, person.password.toUpperCase()])
      await person.login(program.openBrowser(), { password });
    for (const path of ["/login/approval", "/login/code"]) await program.openBrowser().get(path);
    for (const path of ["/login/approval/resend", "/login/approval/finish", "/login/code/sms"])
      await program.openBrowser().post(path);
    assert.equal(await pushesOf(person), 0);
  });

  it("P2 sends one push for a refresh, a double click and 50 parallel sign-ins of one browser", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await browser.token();
    const answers = await Promise.all(Array.from({ length: 50 }, () => person.login(browser)));
    for (const { location } of answers) assert.equal(location, "/login/approval");
    for (let times = 0; times < 5; times += 1) await browser.get("/login/approval");
    assert.equal(await pushesOf(person), 1);
    await person.approve(browser);
    assert.equal(await isSignedIn(browser), true);
  });

  it("P2 supersedes the former push when the same browser signs in once more", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const first = await person.request();
    await person.login(browser);
    assert.equal(await pushesOf(person), 2);
    await sendCallback(program, first.uuid, person.authyId, "approved");
    await finish(browser, first.details["Code"]);
    assert.equal(await isSignedIn(browser), false);
  });

  const letPauseEnd = (person: Person): void => {
    paced.rows.run(`UPDATE challenges SET ${setBack(61, "created_at")} WHERE authy_id = ?`, String(person.authyId));
  };

  it("P3 takes a resend after the pause only, and no more than the limit, with 429 and Retry-After", async () => {
    const person = await enrol(paced);
    const browser = paced.openBrowser();
    await person.login(browser);
    const early = await browser.post("/login/approval/resend");
    assert.equal(early.status, 429);
    const pause = Number(early.headers["retry-after"]);
    assert.ok(pause > 0 && pause <= 60, `Retry-After is ${pause}`);
    for (let times = 0; times < 2; times += 1) {
      letPauseEnd(person);
      assert.equal((await browser.post("/login/approval/resend")).status, 303);
    }
    letPauseEnd(person);
    const late = await browser.post("/login/approval/resend");
    assert.equal(late.status, 429);
    const rest = Number(late.headers["retry-after"]);
    assert.ok(rest > 60 && rest <= 600, `the limit, not the pause, refuses: Retry-After is ${rest}`);
    assert.equal((await person.requests()).length, 3);
  });

  it("P3 sends one push for 20 resends at once", async () => {
    const person = await enrol(paced);
    const browser = paced.openBrowser();
    await person.login(browser);
    letPauseEnd(person);
    await Promise.all(Array.from({ length: 20 }, () => browser.post("/login/approval/resend")));
    assert.equal((await person.requests()).length, 2);
  });

  it("P4 sends no more than the budget of unknown browsers until a success there, and offers other ways", async () => {
    const person = await enrol(program);
    const browsers = Array.from({ length: 8 }, () => program.openBrowser());
    for (const browser of browsers) await person.login(browser);
    assert.equal(await pushesOf(person), 4);
    const [, , , , , last = program.openBrowser()] = browsers;
    const page = await last.get("/login/approval");
    assert.match(page.body, /data-state="paused"/);
    assert.match(page.body, /href="\/login\/code"/);
    const right = await last.post("/login/code", { code: await program.phone.code(person.authyId) });
    assert.equal(right.location, "/account");
    await person.login(program.openBrowser());
    assert.equal(await pushesOf(person), 5, "a success renews the budget");
  });

  it("P4 sends no more than the budget when many ask at once", async () => {
    const person = await enrol(program);
    const browsers = await Promise.all(
      Array.from({ length: 24 }, async () => {
        const browser = program.openBrowser();
        await browser.token();
        return browser;
      }),
    );
    await Promise.all(browsers.map((browser) => person.login(browser)));
    assert.equal((await pushesOf(person)) <= 4, true, `${await pushesOf(person)} pushes`);
  });

  it("P10 keeps the budgets of known and unknown browsers apart, and a success in a known one renews only its own", async () => {
    const person = await enrol(program);
    for (let times = 0; times < 6; times += 1) await person.login(program.openBrowser());
    assert.equal(await pushesOf(person), 4);
    await person.browser.post("/logout");
    await person.login();
    assert.equal(await pushesOf(person), 5);
    await person.approve();
    assert.equal(await isSignedIn(person.browser), true);
    await person.login(program.openBrowser());
    assert.equal(await pushesOf(person), 5);
  });

  it("P5 pauses the pushes of unknown browsers after a denial, shows it to the owner, and goes on in known browsers", async () => {
    const person = await enrol(program);
    const thief = program.openBrowser();
    await person.login(thief);
    const { uuid } = await person.request();
    await program.phone.answer(uuid, "deny");
    await settled(program, uuid);
    assert.match((await thief.get("/login/approval")).body, /data-state="denied"/);
    await person.login(program.openBrowser());
    assert.equal(await pushesOf(person), 1);
    assert.match((await person.browser.get("/account/activity")).body, /denied/i);
    await person.browser.post("/logout");
    await person.login();
    assert.equal(await pushesOf(person), 2);
    program.rows.run(`UPDATE subscribers SET ${setBack(600, "push_frozen_until")} WHERE id = ?`, person.id);
    await person.login(program.openBrowser());
    assert.equal(await pushesOf(person), 3, "the pause ends");
  });

  it('P5 makes "not me" end every session and attempt and ask for a new password, but only after a denial', async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    assert.equal((await browser.post("/login/approval/not-me", { confirm: "yes" })).location, "/login/approval");
    assert.equal(await isSignedIn(person.browser), true);
    const { uuid } = await person.request();
    await program.phone.answer(uuid, "deny");
    await settled(program, uuid);
    assert.equal((await browser.post("/login/approval/not-me", { confirm: "yes" })).location, "/login");
    assert.equal(await isSignedIn(person.browser), false);
    await person.signIn();
    assert.equal((await person.browser.get("/account")).location, "/account/password");
  });

  it("P6 supersedes the former push of this browser, and no other's; approving the old one does nothing", async () => {
    const person = await enrol(program);
    const [one, other] = [program.openBrowser(), program.openBrowser()];
    await person.login(other);
    const others = await person.request();
    await person.login(one);
    const mine = (await person.requests()).filter(({ uuid }) => uuid !== others.uuid);
    const [first] = mine;
    await one.post("/login/approval/resend");
    await sendCallback(program, first?.uuid ?? "", person.authyId, "approved");
    assert.equal((await finish(one, first?.details["Code"])).location, "/login/approval?still=pending");
    assert.equal(await isSignedIn(one), false);
    await program.phone.answer(others.uuid, "approve");
    await settled(program, others.uuid);
    await finish(other, others.details["Code"]);
    assert.equal(await isSignedIn(other), true);
    assert.equal(await isSignedIn(one), false);
  });

  it("P7 asks an unknown browser for six digits that only the phone shows; an approval alone is not enough", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const { uuid, details } = await person.request();
    const code = details["Code"] ?? "";
    assert.match(code, /^\d{6}$/);
    assert.equal((await browser.get("/login/approval")).body.includes(code), false);
    assert.equal(JSON.stringify(program.rows.all("SELECT * FROM challenges")).includes(code), false);
    await program.phone.answer(uuid, "approve");
    await settled(program, uuid);
    for (const nothing of [undefined, "", "   "]) {
      const { status, body } = await finish(browser, nothing);
      assert.equal(status, 422);
      assert.match(body, /5 tries left/);
    }
    const once = await finish(browser, wrong(code));
    assert.equal(once.status, 422);
    assert.match(once.body, /4 tries left/);
    assert.equal(await isSignedIn(browser), false);
    await finish(browser, code);
    assert.equal(await isSignedIn(browser), true);
  });

  it("P7 ends the attempt with the fifth wrong code, also when they come at once, and the right one is too late", async () => {
    for (const atOnce of [false, true]) {
      const person = await enrol(program);
      const browser = program.openBrowser();
      await person.login(browser);
      const { details } = await person.tap();
      const code = details["Code"] ?? "";
      if (atOnce) await Promise.all(Array.from({ length: 12 }, () => finish(browser, wrong(code))));
      else {
        for (let tries = 0; tries < 4; tries += 1) await finish(browser, wrong(code));
        const fifth = await finish(browser, wrong(code));
        assert.equal(fifth.status, 422);
        assert.match(fifth.body, /<h1>Too many wrong digits/);
      }
      await finish(browser, code);
      assert.equal(await isSignedIn(browser), false);
      const failures = program.rows.one("SELECT count FROM failure_counts WHERE bucket = ?", `name:${person.username}`);
      assert.equal(failures?.["count"], 5, "they are counted among the account's failures");
    }
  });

  it("P7 resets no tries with a new code", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const first = await person.request();
    await sendCallback(program, first.uuid, person.authyId, "approved");
    for (let tries = 0; tries < 3; tries += 1) await finish(browser, wrong(first.details["Code"]));
    program.rows.run("UPDATE challenges SET state = 'expired' WHERE authy_uuid = ?", first.uuid);
    await browser.post("/login/approval/resend");
    const second = (await person.requests()).find(({ uuid }) => uuid !== first.uuid);
    await sendCallback(program, second?.uuid ?? "", person.authyId, "approved");
    assert.match((await finish(browser, wrong(second?.details["Code"]))).body, /1 try left/);
    await finish(browser, wrong(second?.details["Code"]));
    await finish(browser, second?.details["Code"]);
    assert.equal(await isSignedIn(browser), false);
  });

  it("P8 knows a browser by a signed cookie of this account alone, never by address or user agent", async () => {
    const [person, other] = [await enrol(program), await enrol(program)];
    const newest = async (count: number): Promise<PhoneRequest | undefined> => {
      const requests = await person.requests();
      assert.equal(requests.length, count);
      return requests[0];
    };
    const same = program.openBrowser();
    await person.login(same);
    assert.match((await newest(1))?.details["Code"] ?? "", /^\d{6}$/, "same address and agent");
    await other.browser.post("/logout");
    const borrowed = program.openBrowser();
    const known = [...other.browser.cookies].filter(([name]) => name.includes("known"));
    for (const [name, value] of known) borrowed.cookies.set(name, value);
    await person.login(borrowed);
    assert.match((await newest(2))?.details["Code"] ?? "", /^\d{6}$/, "the cookie of another account");
    const tampered = program.openBrowser();
    for (const [name, value] of person.browser.cookies)
      if (name.includes("known"))
        tampered.cookies.set(
          name,
          name.endsWith(".sig") ? value : `${value.startsWith("A") ? "B" : "A"}${value.slice(1)}`,
        );
    await person.login(tampered);
    assert.match((await newest(3))?.details["Code"] ?? "", /^\d{6}$/, "a spoilt cookie");
  });

  it("P8 forgets known browsers when the password changes or a phone is bound", async () => {
    const person = await register(program);
    const early = program.openBrowser();
    await person.login(early); // with the password alone, before there was a phone
    await person.browser.post("/account/two-factor/registration");
    await person.browser.post("/account/two-factor/registration/cancel");
    await person.addPhone();
    await early.post("/logout");
    await person.login(early);
    assert.notEqual((await person.request()).details["Code"], undefined);
    await person.approve(early);
    await early.post("/logout");
    await person.stepUp("change-password");
    const password = "amber window river nine";
    await person.browser.post("/account/password", { current_password: person.password, password });
    await person.login(early, { password });
    const open = (await person.requests()).filter(({ status }) => status === "pending");
    assert.equal(open.length, 1, "the last sign-in alone still waits");
    assert.match(open[0]?.details["Code"] ?? "", /^\d{6}$/);
  });

  it("P7 asks every browser where MATCH_CODE=always, and none where it is never", async () => {
    for (const [setting, asks] of [
      ["always", true],
      ["never", false],
    ] as const) {
      const web = await program.startWeb({ MATCH_CODE: setting });
      const person = await enrol(program);
      const browser = asks ? person.browser.copy(web.site) : openBrowser(web.site);
      await browser.post("/logout");
      await person.login(browser);
      const { uuid, details } = await person.request();
      assert.equal(details["Code"] !== undefined, asks, setting);
      await sendCallback(program, uuid, person.authyId, "approved");
      await finish(browser);
      assert.equal(await isSignedIn(browser), !asks);
      await web.stop();
    }
  });

  it("P9 sends plain text: capped, parsed, without control or bidirectional characters", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser({
      userAgent: `\u202eMozilla/5.0 <b>"(X11; Linux x86_64) Firefox/140.0 ${"x".repeat(600)}`.replace("\u202e", ""),
    });
    await person.login(browser);
    const { message, details } = await person.request();
    assert.equal(message, "Sign in to Countersign test?");
    assert.deepEqual(Object.keys(details), ["Account", "From", "Browser", "Time", "Code"]);
    assert.equal(details["Browser"], "Firefox on Linux");
    assert.equal(plainText("a\u0000b\u202ec\u2066d\ne\u200bf"), "a b c d e f");
    const labels = { browserLabel: "\u202eevil", application: "Wiki\u202e" };
    const attempt = { purpose: "sign-in", address: "x".repeat(500), ...labels } as const;
    const push = pushText(
      pushWords(loadTexts(["en"]), "en"),
      attempt,
      "ada",
      "App\u202e".repeat(90),
      new Date(0),
      null,
    );
    for (const text of [push.message, ...Object.values(push.details)]) {
      assert.equal(text.length <= 144, true);
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
    }
  });

  it("P12 makes a cancelled request worthless", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const { uuid, details } = await person.request();
    const copy = browser.copy();
    await browser.post("/login/approval/cancel");
    await sendCallback(program, uuid, person.authyId, "approved");
    for (const each of [browser, copy]) {
      await finish(each, details["Code"]);
      assert.equal(await isSignedIn(each), false);
    }
  });

  it("P12 T3 lets a cancellation win over an approval that was not used yet", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const { uuid, details } = await person.request();
    await sendCallback(program, uuid, person.authyId, "approved");
    const copy = browser.copy();
    await browser.post("/login/approval/cancel");
    await finish(copy, details["Code"]);
    assert.equal(await isSignedIn(copy), false);
  });

  it("T2 ends an approval that is not used in time", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const { uuid, details } = await person.request();
    await sendCallback(program, uuid, person.authyId, "approved");
    program.rows.run(`UPDATE challenges SET ${setBack(300, "settled_at")} WHERE authy_uuid = ?`, uuid);
    await finish(browser, details["Code"]);
    assert.equal(await isSignedIn(browser), false);
  });

  it("E1 T5 allows no other session to watch or finish, and the owner still can", async () => {
    const person = await enrol(program);
    const [owner, thief] = [program.openBrowser(), program.openBrowser()];
    await person.login(owner);
    const { uuid, details } = await person.request();
    const id = /data-challenge-id="([^"]+)"/.exec((await owner.get("/login/approval")).body)?.[1] ?? "";
    await program.phone.answer(uuid, "approve");
    await settled(program, uuid);
    await finish(thief, details["Code"]);
    assert.equal(await isSignedIn(thief), false);
    for (const path of [`/challenges/${id}`, `/challenges/${id}/events`])
      assert.equal((await thief.get(path)).status, 404);
    await finish(owner, details["Code"]);
    assert.equal(await isSignedIn(owner), true);
  });

  it("P7 spends a step-up once, for the act that it names and for no other", async () => {
    const person = await enrol(program);
    // Right after a phone was added, its first codes need no approval of their own.
    program.rows.run(
      "UPDATE factors SET created_at = '2020-01-01 00:00:00.000' WHERE authy_id = ?",
      String(person.authyId),
    );
    await person.stepUp("change-password");
    assert.equal((await person.browser.post("/account/two-factor/disable")).location, "/account/two-factor/disable");
    await person.browser.post("/account/recovery-codes");
    assert.equal(program.rows.count("SELECT count(*) FROM recovery_codes WHERE subscriber_id = ?", person.id), 0);
    const requests = await person.requests();
    assert.equal(requests[0]?.details["Action"], "Change the password");
    await person.stepUp("new-recovery-codes");
    await Promise.all(Array.from({ length: 5 }, () => person.browser.post("/account/recovery-codes")));
    const made = program.rows.count(
      "SELECT count(*) FROM audit_events WHERE kind = 'recovery-codes-made' AND subscriber_id = ?",
      person.id,
    );
    assert.equal(made, 1);
  });
});
