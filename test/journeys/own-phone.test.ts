import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Browser, Page } from "../kit/browser.js";
import { WITHOUT_AUTHY } from "../kit/environment.js";
import { enrolOwnPhone, type OwnPhone, type PhoneRequest } from "../kit/own-phone.js";
import { type Program, startProgram } from "../kit/program.js";
import { leadingTo, startPushServer } from "../kit/push-server.js";
import { until } from "../kit/until.js";

const PASSWORD = "tram lemon orbit quietly";
const HOST = "fcm.googleapis.com";

const headlineOf = (page: Page): string => page.html.querySelector("h1")?.text.trim() ?? "";

/** A browser without JavaScript, and what is done with it. */
function person(program: Program, username: string) {
  const browser = program.openBrowser();
  return {
    browser,
    register: () => browser.post("/register", { username, email: `${username}@example.com`, password: PASSWORD }),
    /** Gives the right password. @returns the page that follows. */
    async signIn(from: Browser = browser): Promise<Page> {
      return from.submit(await from.visit("/login"), "/login", { username, password: PASSWORD });
    },
    /** Asks for a step-up. */
    ask: async (action: string, about: Record<string, string> = {}): Promise<Page> => {
      await browser.post("/account/approval", { action, ...about });
      return browser.visit("/account/approval");
    },
    /** As the page does by itself every 5 s. */
    lookUntil: (base: string, headline: string) =>
      until(async () => {
        const page = await browser.visit(base);
        return headlineOf(page) === headline && page;
      }, `no page at ${base} says "${headline}"`),
    signOut: () => browser.post("/logout"),
    /** The lines of the history, newest first. */
    history: async () =>
      (await browser.visit("/account/activity")).html
        .querySelectorAll(".activity .what")
        .map(({ text }) => text.trim()),
  };
}

const newest = async (phone: OwnPhone): Promise<PhoneRequest> =>
  until(async () => (await phone.requests())[0], "nothing waits on the phone");

const DATABASES =
  process.env["COUNTERSIGN_TEST_QUICK"] === undefined ? (["sqlite", "postgres"] as const) : (["sqlite"] as const);

for (const database of DATABASES) {
  describe(`the whole story with phones of our own, on ${database}`, () => {
    it("PH13 is told by two web processes and a worker, without Authy, while a push service is busy at first", async (t) => {
      const service = await startPushServer(t);
      const env = { ...WITHOUT_AUTHY, ...leadingTo(service, [HOST]), FACTORS: "phone", MATCH_CODE: "never" };
      const program = await startProgram(t, { database, webs: 2, balanced: true, env });
      const ada = person(program, "ada");
      await ada.register();
      const phone = await enrolOwnPhone(ada.browser, "Ada’s phone");
      assert.equal((await phone.subscribe(`https://${HOST}/fcm/send/ada`)).status, 200);
      await ada.signOut();

      // The push is not taken: the page says where to look, and the worker rings until it is.
      const isTaken = { yet: false };
      service.answers((_, res) => {
        res.writeHead(isTaken.yet ? 201 : 503).end();
      });
      const listed = await ada.signIn();
      assert.equal(headlineOf(listed), "Open Example on your phone");
      assert.match(listed.body, /<noscript><meta http-equiv="refresh" content="5; url=\/login\/approval">/);
      await until(() => service.received.length >= 2, "the worker did not ring");
      const [worker] = program.workers;
      await worker?.kill();
      await worker?.start();
      const before = service.received.length;
      await until(() => service.received.length > before, "the next worker did not ring");
      isTaken.yet = true;
      await ada.lookUntil("/login/approval", "Approve the request on your phone");
      const rung = service.received.length;
      assert.equal((await phone.answer(await newest(phone), "approve")).status, 200);
      const approved = await ada.lookUntil("/login/approval", "Approved. Signing you in…");
      assert.equal((await ada.browser.submit(approved, "/login/approval/finish")).url.pathname, "/account");
      assert.equal(service.received.length, rung, "an answered request rings no more");

      // A step-up: one more phone.
      await ada.ask("add-factor", { factor: "phone" });
      await phone.answer(await newest(phone), "approve");
      const allowed = await ada.lookUntil("/account/approval", "Approved. Going on…");
      await ada.browser.submit(allowed, "/account/approval/finish");
      const second = await enrolOwnPhone(ada.browser, "Ada’s tablet");

      // Denied by one of them; the other one has nothing left to answer.
      await ada.signOut();
      assert.equal(headlineOf(await ada.signIn()), "Approve the request on your phone");
      const denied = await newest(second);
      await second.answer(denied, "deny");
      await ada.lookUntil("/login/approval", "You denied this request");
      assert.deepEqual(await phone.requests(), []);
      assert.match((await phone.answer(denied, "approve")).body, /settled-before/);

      // Nobody answers, and the clock ends it.
      await ada.signIn();
      const late = await newest(phone);
      const past = new Date(Date.now() - 10_000);
      await program.database.getRepository("challenge").update({ id: late.id }, { expiresAt: past });
      await ada.lookUntil("/login/approval", "The request ran out");
      assert.match((await phone.answer({ ...late, expiresAt: past.toISOString() }, "approve")).body, /settled-before/);

      // One phone is lost: the other one removes it, and it reads and answers nothing any more.
      await ada.signIn();
      const mine = await newest(phone);
      await phone.answer(mine, "approve");
      await ada.browser.submit(
        await ada.lookUntil("/login/approval", "Approved. Signing you in…"),
        "/login/approval/finish",
      );
      const list = await ada.browser.visit("/account/two-factor");
      const [lostId = ""] =
        /factors\/([\w-]+)\/remove">Remove it<span class="sr"> \(Ada’s tablet/.exec(list.body)?.slice(1) ?? [];
      await ada.ask("remove-factor", { factor: lostId });
      const removal = await newest(phone);
      assert.match(JSON.stringify(removal.details), /Ada’s tablet/);
      await phone.answer(removal, "approve");
      await ada.browser.submit(
        await ada.lookUntil("/account/approval", "Approved. Going on…"),
        "/account/approval/finish",
      );
      await ada.browser.post(`/account/two-factor/factors/${lostId}/remove`);
      assert.equal((await second.browser.get("/phone/requests")).status, 401);
      const keys = await program.database.getRepository("phoneKey").find();
      assert.equal(keys.length, 1, "its key went with it");

      // The subscription ends at its push service: the owner is told, and the request is listed.
      await ada.signOut();
      service.answers((_, res) => {
        res.writeHead(410).end();
      });
      assert.equal(headlineOf(await ada.signIn()), "Open Example on your phone");
      await phone.answer(await newest(phone), "approve");
      await ada.browser.submit(
        await ada.lookUntil("/login/approval", "Approved. Signing you in…"),
        "/login/approval/finish",
      );
      assert.ok((await ada.history()).some((line) => line.includes("Ada’s phone is no longer notified")));

      // Disabled, by a last approval; then the password alone opens the account.
      await ada.ask("disable-two-factor");
      await phone.answer(await newest(phone), "approve");
      const last = await ada.browser.submit(
        await ada.lookUntil("/account/approval", "Approved. Going on…"),
        "/account/approval/finish",
      );
      assert.doesNotMatch(last.body, /authy/i);
      await ada.browser.submit(last, "/account/two-factor/disable");
      await ada.signOut();
      assert.equal((await ada.signIn()).url.pathname, "/account");
      assert.equal((await phone.open()).status, 401);

      // Somebody else tries: that it was not me ends their sign-in and every session.
      const bea = person(program, "bea");
      await bea.register();
      const beas = await enrolOwnPhone(bea.browser);
      const thief = program.openBrowser();
      await bea.signIn(thief);
      assert.match((await beas.answer(await newest(beas), "not-me")).body, /reported/);
      assert.equal((await bea.browser.visit("/account")).url.pathname, "/login");
      assert.notEqual((await thief.visit("/login/approval")).url.pathname, "/account");
    });
  });
}
