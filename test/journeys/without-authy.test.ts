import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Browser, Page } from "../kit/browser.js";
import { bundleOf } from "../kit/bundle.js";
import { runCommand } from "../kit/command.js";
import { WITHOUT_AUTHY } from "../kit/environment.js";
import { startProgram } from "../kit/program.js";
import { tellPhoneStory } from "../kit/story.js";

const PATHS = ["/", "/account", "/account/activity", "/account/two-factor", "/account/two-factor?add=phone"].concat([
  "/account/two-factor?add=passkey",
  "/account/two-factor?add=totp",
  "/account/recovery-codes",
  "/phone/",
]);

describe("a phone of one's own, a passkey and any authenticator app, without Authy", () => {
  it("need no AUTHY_ setting: the story is told, no page speaks of Authy, and doctor agrees", async (t) => {
    const program = await startProgram(t, { env: { ...WITHOUT_AUTHY, FACTORS: "phone,passkey,totp" } });
    const browser = program.openBrowser();
    const pages: Page[] = [];
    const keep = (page: Page): Page => (pages.push(page), page);
    const watched: Browser = {
      ...browser,
      visit: async (path) => keep(await browser.visit(path)),
      submit: async (...given) => keep(await browser.submit(...given)),
    };
    const who = { username: "ada", email: "ada@example.com", password: "violet harbour lantern nine" };
    await tellPhoneStory({ browser: watched, settledBy: (id) => program.settledBy(id) }, who);
    for (const path of PATHS) assert.equal((await watched.visit(path)).status, 200, path);
    assert.ok(pages.length > 20, `only ${pages.length} pages were seen`);
    for (const { url, body } of pages) assert.doesNotMatch(body, /authy/i, url.pathname);

    // Of the same build as the processes, which doctor compares.
    const admin = bundleOf("dist/scripts/admin.js");
    const doctor = runCommand(t, process.execPath, [admin, "doctor", "--json"], program.env);
    assert.equal(await doctor.exitCode, 0, doctor.stdout());
    assert.doesNotMatch(doctor.stdout(), /authy/i);
  });
});
