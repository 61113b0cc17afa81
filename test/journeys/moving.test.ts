import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { databaseRows } from "../../src/database/rows.js";
import { newApplication } from "../../src/domain/manage-applications.js";
import type { Browser, Page } from "../kit/browser.js";
import { openOwnPhone, type OwnPhone } from "../kit/own-phone.js";
import { newOwner } from "../kit/owner.js";
import { enrol, type Person, typePassword } from "../kit/people.js";
import { type Program, startProgram, type WebProcess } from "../kit/program.js";

const SITE = "https://wiki.example.org";
const MOVE = "/account/two-factor/move";
const REGISTRATION = "/account/two-factor/registration";

const textOf = ({ html }: Page): string => html.querySelector("main")?.innerText.replace(/\s+/g, " ") ?? "";

/** Consents in Authy and adds a phone; the request that Authy showed. */
async function move(person: Person): Promise<{ phone: OwnPhone; asked: string[] }> {
  const { browser } = person;
  await browser.post("/account/approval", { action: "move-from-authy" });
  assert.equal((await browser.get("/account/approval/code")).location, "/account/approval", "a code is no consent");
  const { message, details } = await person.request();
  assert.equal((await person.approve(browser, "/account/approval")).location, MOVE);
  const consented = await browser.visit(MOVE);
  await browser.submit(consented, REGISTRATION);
  const { html } = await browser.visit(REGISTRATION);
  const phone = openOwnPhone(browser.origin);
  const secret = html.querySelector("[data-typed]")?.innerText.replaceAll(" ", "") ?? "";
  assert.equal((await phone.claim(secret)).status, 200);
  await browser.post(`${REGISTRATION}/confirm`);
  assert.match(textOf(await browser.visit(REGISTRATION)), /Authy stays for now/);
  assert.equal((await phone.open()).status, 200);
  return { phone, asked: [message, details["Action"] ?? ""] };
}

/** Signs in by the new phone, which is asked first from now on. */
async function signInBy(phone: OwnPhone, person: Person): Promise<string> {
  assert.equal((await typePassword(person)).location, "/login/approval");
  const [request] = await phone.requests();
  assert.ok(request, "the new phone is asked");
  await phone.answer(request, "approve");
  return (await person.browser.post("/login/approval/finish")).location;
}

async function protectionOf({ browser }: Person): Promise<string[]> {
  const { html } = await browser.visit("/account/two-factor");
  return html.querySelectorAll("ul.rows .what").map((each) => each.innerText.trim().replace(/\s+/g, " "));
}

const DATABASES =
  process.env["COUNTERSIGN_TEST_QUICK"] === undefined ? (["sqlite", "postgres"] as const) : (["sqlite"] as const);

for (const database of DATABASES)
  describe(`moving over from Authy, on ${database}`, () => {
    const owner = newOwner();
    let program: Program;
    /** Requires the move, which the other web process on the same database offers. */
    let requiring: Pick<WebProcess, "site">;
    before(async () => {
      program = await startProgram(owner, { database, env: { MATCH_CODE: "never" } });
      const rows = databaseRows(program.database);
      const given = { name: "Wiki", level: 1, maxAgeSeconds: null, admitted: [{ everyone: true }] } as const;
      await rows.applications.insert(newApplication(given, "site", "wiki", new Date()));
      await rows.sites.insert({ applicationId: "wiki", origin: SITE, publicPaths: [], allowsPreflight: false });
      requiring = await program.startWeb({ MOVE_FROM_AUTHY: "require" });
    });
    after(() => owner.end());

    /** Somebody with Authy who is signed in by it. */
    async function withAuthy(browser?: Browser): Promise<Person> {
      const person = await enrol(program, undefined, browser);
      await person.browser.post("/logout");
      await person.signIn();
      return person;
    }

    it("is offered on the account's page, where signing in leads as ever, and rests when it is put off", async () => {
      const person = await enrol(program);
      await typePassword(person);
      assert.equal((await person.approve()).location, "/account");
      const account = await person.browser.visit("/account");
      assert.match(textOf(account), /Approve in Countersign test itself from now on/);
      const later = await person.browser.submit(account, `${MOVE}/later`);
      assert.match(textOf(later), /asked again in a week/);
      assert.doesNotMatch(textOf(await person.browser.visit("/account")), /itself from now on/);
      assert.match(textOf(await person.browser.visit("/account/two-factor")), /Without Authy/);
    });

    it("PH20: takes Authy's consent to a move, a new phone, and a sign-in by it before Authy may go", async () => {
      const person = await withAuthy();
      const { browser } = person;
      const { phone, asked } = await move(person);
      assert.deepEqual(asked, [
        "Countersign test: Approve without Authy from now on?",
        "Approve without Authy from now on",
      ]);
      assert.doesNotMatch(textOf(await browser.visit("/account")), /itself from now on|may go/);
      const authy = await program.database
        .getRepository<{ id: string; subscriberId: string; type: string }>("factor")
        .findOneByOrFail({ subscriberId: person.id, type: "authy-push" });
      const remove = `/account/two-factor/factors/${authy.id}/remove`;
      const early = await browser.visit(remove);
      assert.match(textOf(early), /It may go once Chrome on Android has approved a sign-in/);
      assert.equal(early.html.querySelector(`form[action="${remove}"], form[action="/account/approval"]`), null);

      assert.equal(await signInBy(phone, person), "/account");
      assert.match(textOf(await browser.visit("/account")), /Authy on your phone may go/);
      await browser.submit(await browser.visit(remove), "/account/approval");
      const [request] = await phone.requests();
      assert.ok(request);
      await phone.answer(request, "approve");
      assert.equal((await browser.post("/account/approval/finish")).location, remove);
      await browser.submit(await browser.visit(remove), remove);
      assert.deepEqual(await protectionOf(person), ["Chrome on Android"]);
    });

    it("holds pages back where it is required, and ends with the new phone's first sign-in", async () => {
      const person = await withAuthy(program.openBrowser().copy(requiring.site));
      const { browser } = person;
      for (const path of ["/account", "/account/sessions", "/account/activity"])
        assert.equal((await browser.get(path)).location, MOVE);
      const page = await browser.visit(MOVE);
      assert.equal(page.html.querySelector(`form[action="${MOVE}/later"]`), null);
      assert.equal((await browser.post(`${MOVE}/later`)).location, MOVE);
      for (const path of ["/account/two-factor", "/account/recovery-codes", "/account/password"])
        assert.equal((await browser.get(path)).status, 200);

      const wanted = `/gate?site=${encodeURIComponent(SITE)}&visit=${"v".repeat(43)}&to=/inside`;
      assert.equal((await browser.get(wanted)).location, MOVE);

      const { phone } = await move(person);
      const onward = (await browser.visit(REGISTRATION)).html.querySelector("main a.button");
      assert.deepEqual([onward?.innerText, onward?.getAttribute("href")], ["Go on to Wiki", wanted]);
      assert.ok((await browser.get(wanted)).location.startsWith(`${SITE}/.countersign/callback?ticket=`));
      assert.equal((await browser.get("/account")).status, 200);
      const other = browser.copy();
      await browser.post("/logout");
      assert.equal(await signInBy(phone, person), "/account");
      assert.equal((await other.get("/account")).status, 303);
      assert.deepEqual(await protectionOf(person), ["Chrome on Android"]);
      assert.match(
        textOf(await browser.visit("/account/activity")),
        /Authy removed: a phone that you added took its place/,
      );
    });

    it("is counted, as is what was added and tried by each type", async () => {
      const { browser, username } = await withAuthy();
      await browser.post("/logout");
      await browser.post("/login", { username, password: "not this one" });
      const shown = (await program.openBrowser().get("/metrics")).body;
      for (const line of [
        /^sign_ins_total\{factor="authy",outcome="signed-in"\} \d+$/m,
        /^sign_ins_total\{factor="phone",outcome="signed-in"\} 1$/m,
        /^sign_ins_total\{factor="password",outcome="refused"\} 1$/m,
        /^pushes_total\{factor="authy",result="ringing"\} \d+$/m,
        /^pushes_total\{factor="phone",result="listed"\} \d+$/m,
        /^enrolments_total\{factor="phone",result="begun"\} 1$/m,
        /^enrolments_total\{factor="phone",result="completed"\} 1$/m,
        /^authy_accounts\{move="to-begin"\} 2$/m,
        /^authy_accounts\{move="begun"\} 0$/m,
      ])
        assert.match(shown, line);
    });

    it("is led past by a recovery code where it is required", async () => {
      const person = await withAuthy(program.openBrowser().copy(requiring.site));
      const { browser } = person;
      await person.stepUp("new-recovery-codes");
      const { html } = await browser.submit(await browser.visit("/account/recovery-codes"), "/account/recovery-codes");
      const code = html.querySelector(".codes code, .codes li")?.innerText.trim() ?? "";
      await typePassword(person);
      assert.equal((await browser.post("/login/code", { code })).location, "/account");
      assert.equal((await browser.get("/account")).status, 200);
    });
  });
