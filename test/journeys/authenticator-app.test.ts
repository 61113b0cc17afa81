import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Browser, Page } from "../kit/browser.js";
import { bundleOf } from "../kit/bundle.js";
import { runCommand } from "../kit/command.js";
import { WITHOUT_AUTHY } from "../kit/environment.js";
import { type Program, startProgram } from "../kit/program.js";
import {
  type Credentials,
  disableByCode,
  enrolApp,
  register,
  signInByCode,
  signOut,
  tellAppStory,
  type Told,
} from "../kit/story.js";

const ALICE: Credentials = { username: "alice", email: "alice@example.com", password: "correct horse battery" };
const BOB: Credentials = { ...ALICE, username: "bob", email: "bob@example.com" };

/** A browser that keeps each page that it was shown. */
function watched(program: Program): { told: Told; pages: Page[] } {
  const browser = program.openBrowser();
  const pages: Page[] = [];
  const keep = (page: Page): Page => (pages.push(page), page);
  const told: Browser = {
    ...browser,
    visit: async (path) => keep(await browser.visit(path)),
    submit: async (...given) => keep(await browser.submit(...given)),
  };
  return { told: { browser: told }, pages };
}

for (const database of ["sqlite", "postgres"] as const) {
  describe(`the whole story without Authy, with any authenticator app, on ${database}`, () => {
    it("is told by two web processes and a worker without any AUTHY_ setting, and no page speaks of Authy", async (t) => {
      const program = await startProgram(t, { database, webs: 2, balanced: true, env: WITHOUT_AUTHY });
      const { told, pages } = watched(program);
      const steps = await tellAppStory(told, ALICE);
      assert.equal(steps.length, 10);

      await signOut(told);
      await register(told, BOB);
      const app = await enrolApp(told, BOB);
      const codes = await told.browser.submit(
        await told.browser.visit("/account/recovery-codes"),
        "/account/recovery-codes",
      );
      const [first] = codes.html.querySelectorAll("ol code").map(({ text }) => text);
      assert.ok(first, "recovery codes are shown");
      for (const path of [
        ...["/", "/account", "/account/two-factor", "/account/two-factor?add=totp", "/account/two-factor/disable"],
        ...["/account/password", "/account/recovery-codes", "/account/activity", "/account/sessions", "/nowhere"],
      ])
        await told.browser.visit(path);
      await signOut(told);
      const asked = await told.browser.submit(await told.browser.visit("/login"), "/login", {
        ...{ username: BOB.username, password: BOB.password },
      });
      const wrong = await told.browser.submit(asked, "/login/code", { code: "000000" });
      assert.equal(wrong.status, 422);
      assert.equal((await told.browser.submit(wrong, "/login/code", { code: first })).url.pathname, "/account");
      await signOut(told);
      await signInByCode(told, BOB, app);
      await disableByCode(told, app);

      assert.ok(pages.length > 40, `${pages.length} pages`);
      for (const { body, url } of pages) assert.doesNotMatch(body, /authy/i, url.pathname);
      assert.equal((await told.browser.get("/webhooks/authy/onetouch")).status, 404);
      const doctor = runCommand(
        t,
        process.execPath,
        [bundleOf("dist/scripts/admin.js"), "doctor", "--json"],
        program.env,
      );
      assert.equal(await doctor.exitCode, 0, doctor.stderr() + doctor.stdout());
      assert.doesNotMatch(doctor.stdout(), /authy/i);
    });
  });
}
