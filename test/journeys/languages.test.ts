import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import type { Browser, Page } from "../kit/browser.js";
import { startProgram } from "../kit/program.js";
import { type AskedStage, enrol, enrolOwnPhone, register, signOut } from "../kit/story.js";
import { until } from "../kit/until.js";

const PASSWORD = "tram lemon orbit quietly";
const program = await startProgram({ after }, { env: { MATCH_CODE: "never", AUTHY_APP_NAME: "Acme" } });

const languageOf = ({ html }: Page): string => html.querySelector("html")?.getAttribute("lang") ?? "";

interface Asking {
  readonly page: Page;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  readonly uuid: string;
}

/** Gives the right password in a browser of some language. @returns its page, and what the phone shows. */
async function ask(browser: Browser, username: string, phone: AskedStage["phone"]): Promise<Asking> {
  const page = await browser.submit(await browser.visit("/login"), "/login", { username, password: PASSWORD });
  assert.equal(page.url.pathname, "/login/approval");
  return { page, ...(await phone.openRequest()) };
}

async function finish(browser: Browser): Promise<Page> {
  const approved = await until(async () => {
    const page = await browser.visit("/login/approval");
    return page.html.querySelector('form[action="/login/approval/finish"]') !== null && page;
  }, "the approval did not arrive");
  return browser.submit(approved, "/login/approval/finish");
}

for (const kind of ["Authy’s phone in the sandbox", "a phone of our own"] as const)
  describe(`the languages of a sign-in, with ${kind}`, () => {
    it("are the account's on the phone, and the browser's on the page that waits", async () => {
      const username = kind.startsWith("A") ? "greta" : "gerda";
      const who = { username, email: `${username}@example.com`, password: PASSWORD };
      const german = program.openBrowser({ language: "de-AT,de;q=0.9" });
      const stage = { browser: german, phone: program.phone, settledBy: program.settledBy };
      await register(stage, who);
      if (kind.startsWith("A")) await enrol(stage, who);
      const phone = kind.startsWith("A") ? program.phone : await enrolOwnPhone(stage, who);
      await signOut(stage);

      const first = await ask(german, username, phone);
      assert.equal(languageOf(first.page), "de");
      assert.equal(first.message, "Bei Acme anmelden?");
      assert.deepEqual(Object.keys(first.details), ["Account", "From", "Browser", "Time"]);
      assert.equal(first.details["Browser"], "Firefox unter Linux");
      await phone.answer(first.uuid, "approve");
      assert.equal(languageOf(await finish(german)), "de");

      // A browser that speaks Spanish waits in Spanish; the phone asks in German.
      const spanish = program.openBrowser({ language: "es" });
      const second = await ask(spanish, username, phone);
      assert.equal(languageOf(second.page), "es");
      assert.equal(second.message, "Bei Acme anmelden?");
      assert.equal(second.details["Browser"], "Firefox unter Linux");

      // The person chooses Arabic elsewhere while the phone is asked: its answer still counts, and the account is Arabic.
      await german.post("/language", { language: "ar", next: "/account" });
      await phone.answer(second.uuid, "approve");
      assert.equal(languageOf(await finish(spanish)), "ar");
      const third = await ask(program.openBrowser({ language: "es" }), username, phone);
      assert.equal(third.message, "تسجيل الدخول إلى Acme؟");
      await phone.answer(third.uuid, "approve");
    });
  });
