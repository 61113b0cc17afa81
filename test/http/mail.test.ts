import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { hashRecoveryCode, newRecoveryCodes } from "../../src/domain/recovery-code.js";
import { answerResetRequests } from "../../src/domain/request-reset.js";
import { hashSecret } from "../../src/domain/secrets.js";
import { sendDueMails } from "../../src/domain/send-mails.js";
import { settleEnrolment } from "../../src/domain/settle-enrolment.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { linkIn, mailSettings, type Received, startMailServer } from "../kit/mail-server.js";
import { serveApplication } from "./served-application.js";

const PASSWORD = "violet harbour lantern nine";
const NEW_PASSWORD = "seven copper kettles sing";

const server = await startMailServer({ after });
const application = await serveApplication({ after }, { ...mailSettings(server), LIMIT_FAILURES: "0" });
const { origin, deps: all } = application;
assert.ok(all.mail);
const deps = { ...all, mail: all.mail };

/** What a worker does each second. */
async function work(): Promise<void> {
  await answerResetRequests(deps);
  await sendDueMails(deps);
}

async function mail(address: string, subject?: RegExp): Promise<Received> {
  await work();
  return server.mailTo(address, subject);
}

async function register(username: string): Promise<Browser> {
  const browser = openBrowser(origin);
  const form = { username, email: `${username}@example.com`, password: PASSWORD };
  assert.equal((await browser.post("/register", form)).location, "/account");
  return browser;
}

async function askForReset(typed: string): Promise<void> {
  assert.equal(
    (await openBrowser(origin).post("/password/reset", { username: typed })).location,
    "/password/reset/asked",
  );
}

/** Somebody whose address is confirmed. */
async function confirmed(username: string): Promise<Browser> {
  const browser = await register(username);
  const path = linkIn(await mail(`${username}@example.com`, /confirm/));
  assert.equal((await openBrowser(origin).post(path)).status, 303);
  return browser;
}

/** Asks for another address. */
async function askForAddress(browser: Browser, email: string): Promise<void> {
  const answer = await browser.post("/account/email", { email, current_password: PASSWORD });
  assert.equal(answer.location, "/account");
}

const emailOf = async (username: string): Promise<string | undefined> =>
  (await deps.subscribers.findByName(username))?.email;

const signIn = (username: string, password: string) => openBrowser(origin).post("/login", { username, password });

describe("a new account", () => {
  it("M1 gets one message with a link that confirms its address, sent by a worker and not by the page", async () => {
    await register("ann");
    assert.equal(server.allTo("ann@example.com").length, 0);
    const message = await mail("ann@example.com");
    assert.match(message.subject, /confirm your address/);
    assert.equal(message.headers["auto-submitted"], "auto-generated");
    const path = linkIn(message);
    const stranger = openBrowser(origin);
    const page = await stranger.get(path);
    assert.equal(page.headers["referrer-policy"], "strict-origin");
    assert.equal((await deps.subscribers.findByName("ann"))?.emailVerifiedAt, null);
    assert.equal((await stranger.post(path)).location, "/login");
    assert.ok((await deps.subscribers.findByName("ann"))?.emailVerifiedAt instanceof Date);
    await work();
    assert.equal(server.allTo("ann@example.com").length, 1);
  });

  it("M5 loses nothing to scanners that fetch every link three times, GET and HEAD", async () => {
    await register("bob");
    const path = linkIn(await mail("bob@example.com"));
    const scanner = openBrowser(origin);
    for (let times = 0; times < 3; times++)
      for (const method of ["GET", "HEAD"]) assert.equal((await scanner.send(method, path)).status, 200);
    assert.equal((await openBrowser(origin).post(path)).status, 303);
  });
});

describe("a forgotten password", () => {
  it("M4 gets the same answer whether or not there is such an account", async () => {
    await register("cat");
    const ask = async (username: string) => {
      const browser = openBrowser(origin);
      const answer = await browser.post("/password/reset", { username });
      const { "set-cookie": cookies = [] } = answer.headers;
      const headers = { ...answer.headers, date: "", "set-cookie": cookies.length };
      return { status: answer.status, body: answer.body, headers };
    };
    const known = await ask("cat");
    assert.deepEqual(await ask("cat-is-unknown"), known);
    assert.deepEqual(await ask("cat@example.com"), known);
    assert.deepEqual(await ask("nobody@example.com"), known);
    assert.equal((await openBrowser(origin).post("/password/reset", {})).status, 400);
  });

  it("M7 sets a new password, signs nobody in, ends every session and asks the phone as ever", async () => {
    const browser = await confirmed("dot");
    await application.addPhone("dot");
    await askForReset("Dot@Example.com");
    const path = linkIn(await mail("dot@example.com", /choose a new password/));
    const stranger = openBrowser(origin);
    assert.match((await stranger.get(path)).body, /dot/);
    assert.equal((await stranger.post(path, { password: "short" })).status, 422);
    assert.equal((await stranger.post(path, { password: NEW_PASSWORD })).location, "/login");
    assert.equal((await stranger.get("/account")).location, "/login?next=%2Faccount");
    assert.equal((await browser.get("/account")).location, "/login?next=%2Faccount");
    assert.equal((await signIn("dot", PASSWORD)).status, 422);
    assert.equal((await signIn("dot", NEW_PASSWORD)).location, "/login/approval");
    const owner = await deps.subscribers.findByName("dot");
    assert.equal((await deps.factors.listActive(owner?.id ?? "")).length, 1);
    assert.match((await mail("dot@example.com", /new password was chosen/)).text, /this was not me|not-me/i);
  });

  it("M10 gives one and the same page for a link that is used, foreign, late, ended by a new password, or none", async () => {
    await confirmed("eve");
    await askForReset("eve");
    const first = linkIn(await mail("eve@example.com", /choose/));
    await askForReset("eve");
    await work();
    const second = linkIn(server.allTo("eve@example.com").at(-1)!);
    assert.notEqual(first, second);
    const browser = openBrowser(origin);
    assert.equal((await browser.post(first, { password: NEW_PASSWORD })).location, "/login");
    const pages = [first, second, first.replace(/.$/, "A"), second.replace("/password/reset", "/not-me")];
    const answers = await Promise.all(pages.map((path) => openBrowser(origin).get(path)));
    for (const { status, body } of answers) {
      assert.equal(status, 404);
      assert.match(body, /This link does not work/);
    }
    assert.equal((await openBrowser(origin).post(second, { password: PASSWORD })).status, 404);
    assert.equal((await signIn("eve", NEW_PASSWORD)).location, "/account");
  });

  it("M10 lets one of two tabs win that send the form at once", async () => {
    await confirmed("fay");
    await askForReset("fay");
    const path = linkIn(await mail("fay@example.com", /choose/));
    const passwords = [NEW_PASSWORD, "nine marble otters swim"];
    const answers = await Promise.all(passwords.map((password) => openBrowser(origin).post(path, { password })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 404]);
  });

  it("M6 sends at most the limit, however often it is asked for", async () => {
    await register("gil");
    for (let asked = 0; asked < 60; asked++) await askForReset(asked % 2 === 0 ? "gil" : "GIL@example.com");
    await Promise.all([work(), work()]);
    assert.equal(server.allTo("gil@example.com").length, 5);
  });

  it("sends nothing to an account that is disabled, nor to a changed address before it is confirmed", async () => {
    const browser = await confirmed("hal");
    await askForAddress(browser, "hal@elsewhere.example");
    await askForReset("hal@elsewhere.example");
    await askForReset("hal");
    await work();
    assert.deepEqual(
      server.allTo("hal@elsewhere.example").map(({ subject }) => subject),
      ["Example: confirm your new address"],
    );
    assert.match((await server.mailTo("hal@example.com", /choose/)).text, /password\/reset/);
  });
});

describe("a changed address", () => {
  it("M8 counts once its own mailbox has confirmed it, and the former one can undo it", async () => {
    const browser = await confirmed("ian");
    await askForAddress(browser, "thief@elsewhere.example");
    assert.equal(await emailOf("ian"), "ian@example.com");
    const confirm = linkIn(await mail("thief@elsewhere.example"));
    assert.equal((await openBrowser(origin).post(confirm)).status, 303);
    assert.equal(await emailOf("ian"), "thief@elsewhere.example");
    const undo = linkIn(await mail("ian@example.com", /another address/));
    assert.equal(server.allTo("thief@elsewhere.example").length, 2);

    // The thief changes password and address once more: neither ends the owner's way back, nor may the thief undo the undoing.
    const changed = await browser.post("/account/password", { current_password: PASSWORD, password: NEW_PASSWORD });
    assert.equal(changed.location, "/account");
    const again = await browser.post("/account/email", { email: "two@else.example", current_password: NEW_PASSWORD });
    assert.equal(again.location, "/account");
    assert.equal((await openBrowser(origin).post(linkIn(await mail("two@else.example")))).status, 303);
    const thiefsUndo = linkIn(await mail("thief@elsewhere.example", /another address/));

    assert.match((await openBrowser(origin).get(undo)).body, /ian@example\.com/);
    assert.equal((await openBrowser(origin).post(undo)).location, "/password/reset");
    assert.equal(await emailOf("ian"), "ian@example.com");
    assert.equal((await browser.get("/account")).location, "/login?next=%2Faccount");
    assert.equal((await openBrowser(origin).post(thiefsUndo)).status, 404);
    assert.equal((await openBrowser(origin).post(undo)).status, 404);
    assert.equal(await emailOf("ian"), "ian@example.com");
  });

  it("M8 needs an approval where a phone is enrolled, and the password in any case", async () => {
    const browser = await confirmed("jan");
    const wrong = await browser.post("/account/email", { email: "jan@new.example", current_password: "no" });
    assert.equal(wrong.status, 422);
    await application.addPhone("jan");
    const asked = await browser.post("/account/email", { email: "jan@new.example", current_password: PASSWORD });
    assert.equal(asked.location, "/account/email");
    await work();
    assert.equal(server.allTo("jan@new.example").length, 0);
  });

  it("M10 a new password ends open confirmations", async () => {
    const browser = await confirmed("kim");
    await askForAddress(browser, "kim@new.example");
    const path = linkIn(await mail("kim@new.example"));
    await browser.post("/account/password", { current_password: PASSWORD, password: NEW_PASSWORD });
    assert.equal((await openBrowser(origin).get(path)).status, 404);
    assert.equal((await openBrowser(origin).post(path)).status, 404);
    assert.equal(await emailOf("kim"), "kim@example.com");
  });
});

describe("a worker", () => {
  it("M3 that dies between DATA and its row sends one more copy, under the same Message-ID, with a link as good", async () => {
    await register("ned");
    const dies = { ...deps.mails, settle: () => Promise.reject(new Error("killed")) };
    await assert.rejects(sendDueMails({ ...deps, mails: dies }), /killed/);
    await work();
    assert.equal(server.allTo("ned@example.com").length, 1, "the lease was not kept");
    const later = (): Date => new Date(Date.now() + 3000 * deps.settings.mailSilenceSeconds);
    await sendDueMails({ ...deps, now: later });
    await sendDueMails({ ...deps, now: later });
    const copies = server.allTo("ned@example.com");
    assert.equal(copies.length, 2);
    assert.equal(copies[0]?.messageId, copies[1]?.messageId);
    assert.equal((await openBrowser(origin).post(linkIn(copies[0]!))).status, 303);
    assert.equal((await openBrowser(origin).post(linkIn(copies[1]!))).status, 404);
  });

  it("M3 shares the messages with others: each is sent once", async () => {
    await Promise.all(["oda", "pia", "quin", "rex"].map(register));
    await Promise.all([work(), work(), work()]);
    for (const name of ["oda", "pia", "quin", "rex"]) assert.equal(server.allTo(`${name}@example.com`).length, 1);
  });
});

describe("notices", () => {
  it("tell of a sign-in in a browser that the account does not know, with a link that ends it", async () => {
    const browser = await confirmed("lea");
    const stranger = openBrowser(origin);
    assert.equal((await stranger.post("/login", { username: "lea", password: PASSWORD })).location, "/account");
    const notice = await mail("lea@example.com", /do not know/);
    assert.match(notice.text, /Firefox on Linux, 127\.0\.0\.1/);
    assert.match(notice.text, /UTC/);
    const path = linkIn(notice);
    const owner = openBrowser(origin);
    assert.match((await owner.get(path)).body, /This was not me/);
    assert.equal((await stranger.get("/account")).status, 200);
    assert.equal((await owner.post(path)).location, "/login");
    for (const each of [browser, stranger])
      assert.equal((await each.get("/account")).location, "/login?next=%2Faccount");
    const again = openBrowser(origin);
    await again.post("/login", { username: "lea", password: PASSWORD });
    assert.equal((await again.get("/account/email")).location, "/account/password");
    assert.equal((await owner.post(path)).status, 404);
  });

  it("come once for each change, and for a browser that is known none", async () => {
    const browser = await confirmed("mia");
    await browser.post("/logout");
    assert.equal((await browser.post("/login", { username: "mia", password: PASSWORD })).location, "/account");
    await browser.post("/account/password", { current_password: PASSWORD, password: NEW_PASSWORD });
    await work();
    await work();
    assert.deepEqual(
      server.allTo("mia@example.com").map(({ subject }) => subject),
      ["Example: confirm your address", "Example: your password was changed"],
    );
  });

  it("come once for a factor added, replaced and removed, for recovery codes made, and when three are left", async () => {
    const browser = await confirmed("nan");
    const { id } = (await deps.subscribers.findByName("nan")) ?? { id: "" };
    const enrol = async (providerId: string): Promise<void> => {
      await browser.post("/account/two-factor/registration", { type: "authy" });
      const [pending] = await deps.enrolments.findOpenOfSubscriber(id);
      await settleEnrolment(deps, pending?.id ?? "", { state: "completed", providerId }, "callback");
    };
    const approve = async (action: string): Promise<void> => {
      await browser.post("/account/approval", { action });
      const attempt = await deps.attempts.findByKey(hashSecret(browser.cookies.get("countersign-step-up") ?? ""));
      assert.equal(await deps.attempts.grant(attempt?.id ?? "", deps.now()), true, action);
    };
    const subjects = async (): Promise<string[]> => {
      await work();
      await work();
      return server.allTo("nan@example.com").map(({ subject }) => subject.replace("Example: ", ""));
    };
    await enrol("one phone");
    const made = await browser.post("/account/recovery-codes");
    assert.equal(made.location, "/account/recovery-codes");
    await approve("replace-phone");
    await enrol("another phone");
    assert.deepEqual((await subjects()).slice(1).sort(), [
      ...["a way to sign in was added", "new recovery codes were made", "your phone was replaced"],
    ]);

    const codes = newRecoveryCodes();
    await deps.recoveryCodes.replace(id, codes.slice(0, 5).map(hashRecoveryCode), deps.now());
    for (const code of codes.slice(0, 2)) {
      await browser.post("/logout");
      await browser.post("/login", { username: "nan", password: PASSWORD });
      assert.equal((await browser.post("/login/code", { code })).location, "/account");
    }
    assert.deepEqual((await subjects()).slice(4), ["few recovery codes are left"]);
    assert.match((await mail("nan@example.com", /few/)).text, /left:\s+3/);

    await approve("disable-two-factor");
    await browser.post("/account/two-factor/disable");
    assert.deepEqual((await subjects()).slice(5), ["a way to sign in was removed"]);
  });

  it("M9 have every header on one line, whatever names and labels say", async () => {
    const { compose, postman } = deps.mail;
    const event = { at: new Date(), detail: "", address: "1.2.3.4", kind: "signed-in", subscriberId: "x" } as const;
    const evil = "Fire\r\nBcc: all@example.com\r\n\r\nfox";
    const ready = compose(
      { id: "m9", kind: "new-browser", recipient: "m9@example.com", detail: "" },
      { ...event, browserLabel: evil },
      { username: "m9", language: null, timeZone: null },
      null,
    );
    await postman.send({ ...ready, subject: `Sub\r\nBcc: all@example.com\r\nject` });
    await postman.send({ ...ready, to: "m9@example.com, all@example.com" });
    const message = await server.mailTo("m9@example.com");
    assert.equal(message.headers["bcc"], undefined);
    assert.equal(message.subject, "Sub Bcc: all@example.com ject");
    assert.equal(server.allTo("all@example.com").length, 0);
  });
});

it("without a mail server its addresses are not there, and no page mentions them", async () => {
  const without = await serveApplication({ after }, { SMTP_URL: "", MAIL_FROM: "" });
  const browser = openBrowser(without.origin);
  const form = { username: "zoe", email: "zoe@example.com", password: PASSWORD };
  assert.equal((await browser.post("/register", form)).location, "/account");
  const token = "x".repeat(43);
  for (const path of ["/password/reset", "/account/email", `/password/reset/${token}`, `/not-me/${token}`])
    for (const answer of [await browser.get(path), await browser.post(path)]) assert.equal(answer.status, 404, path);
  assert.doesNotMatch((await browser.get("/account")).body, /\/account\/email/);
  assert.doesNotMatch((await openBrowser(without.origin).get("/login")).body, /\/password\/reset/);
  assert.deepEqual(await without.deps.mails.counts(), { due: 0, givenUp: 0, sent: 0 });
});
