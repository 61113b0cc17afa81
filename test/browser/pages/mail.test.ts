import assert from "node:assert/strict";
import path from "node:path";
import { after, describe, it } from "node:test";
import type { Page } from "playwright-core";

import { createSandbox } from "../../../sandbox/app.js";
import { answerResetRequests } from "../../../src/domain/request-reset.js";
import { sendDueMails } from "../../../src/domain/send-mails.js";
import { serveApplication } from "../../http/served-application.js";
import { launchBrowser } from "../../kit/chromium.js";
import { freePort } from "../../kit/ports.js";
import { axeViolations, CONTRAST, sidewaysOverflow } from "./chromium.js";

const browser = await launchBrowser({ after });
const smtpPort = await freePort();
const sandbox = createSandbox({ apiKey: "a key of this test", port: 0, smtpPort });
const sandboxUrl = await sandbox.listen();
after(() => sandbox.close());
const { origin, deps } = await serveApplication({ after }, { SMTP_URL: `smtp://127.0.0.1:${smtpPort}` });
assert.ok(deps.mail);
const worker = { ...deps, mail: deps.mail };
const PASSWORD = "tram lemon orbit quietly";
const NEW_PASSWORD = "seven copper kettles sing";
const screens = process.env["COUNTERSIGN_SCREENS"];

async function work(): Promise<void> {
  await answerResetRequests(worker);
  await sendDueMails(worker);
}

async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent("domcontentloaded"), page.getByRole("button", { name, exact: true }).click()]);
}

/** Sound for axe in light and dark, 320 px wide; a picture is kept where one was asked for. */
async function lookAt(page: Page, name: string): Promise<void> {
  assert.deepEqual(await axeViolations(page), [], name);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.deepEqual(await axeViolations(page, CONTRAST), [], `${name} in the dark`);
  await page.emulateMedia({ colorScheme: "light" });
  assert.ok((await sidewaysOverflow(page)) <= 0, `${name} scrolls sideways`);
  if (screens !== undefined) await page.screenshot({ path: path.join(screens, `${name}.png`), fullPage: true });
}

/** The link of the newest message, as the mailbox beside the phone shows it. */
async function newestLink(mailbox: Page, subject: RegExp): Promise<string> {
  await mailbox.goto(sandboxUrl);
  const line = mailbox.locator("#mail-list li", { hasText: subject }).first();
  await line.locator("summary").click();
  const link = await line.getByRole("link", { name: "Follow the link" }).getAttribute("href");
  return `${origin}${new URL(link ?? "").pathname}`;
}

for (const javaScriptEnabled of [true, false])
  describe(`a forgotten password, in Chromium ${javaScriptEnabled ? "with" : "without"} script`, () => {
    it("M7 is told from the link on the sign-in page to the new password, with the message from a real SMTP server", async () => {
      // axe is a script itself, and the page is the same without.
      const look = javaScriptEnabled ? lookAt : () => Promise.resolve();
      const context = await browser.newContext({ javaScriptEnabled, viewport: { width: 320, height: 720 } });
      const [page, mailbox] = [await context.newPage(), await (await browser.newContext()).newPage()];
      const username = javaScriptEnabled ? "with-script" : "without-script";
      await page.goto(`${origin}/register`);
      await page.locator("#username").fill(username);
      await page.locator("#email").fill(`${username}@example.com`);
      await page.locator("#password").fill(PASSWORD);
      await press(page, "Create account");
      await work();
      await page.goto(await newestLink(mailbox, /confirm your address/));
      await look(page, "email-verify");
      await press(page, "Confirm the address");
      assert.match(await page.locator(".flashes").innerText(), /Your address is confirmed/);
      await page.goto(`${origin}/account/email`);
      await look(page, "email");
      await press(page, "Sign out");

      await page.goto(`${origin}/login`);
      await page.getByRole("link", { name: "Forgotten your password?" }).click();
      await look(page, "reset-ask");
      await page.locator("#username").fill(username);
      await press(page, "Send the link");
      await look(page, "reset-asked");
      await work();
      await page.goto(await newestLink(mailbox, /choose a new password/));
      await look(page, "reset-password");
      await page.locator("#password").fill(NEW_PASSWORD);
      await press(page, "Set the password");
      assert.match(await page.locator(".flashes").innerText(), /Your new password is set/);
      await page.locator("#username").fill(username);
      await page.locator("#password").fill(NEW_PASSWORD);
      await press(page, "Sign in");
      assert.match(await page.locator("h1").innerText(), /Your account/);
      await work();
      await page.goto(await newestLink(mailbox, /do not know/));
      await look(page, "not-me-link");
      await press(page, "Yes, this was not me");
      await page.goto(`${origin}/account`);
      assert.match(page.url(), /\/login\?next=/);
      if (screens !== undefined && javaScriptEnabled) {
        await mailbox.screenshot({ path: path.join(screens, "mailbox.png"), fullPage: true });
        const { mails } = (await (await fetch(`${sandboxUrl}/mailbox`)).json()) as { mails: { html: string }[] };
        const blank = await (await browser.newContext({ viewport: { width: 360, height: 700 } })).newPage();
        for (const [at, { html }] of mails.entries())
          for (const colorScheme of ["light", "dark"] as const) {
            await blank.emulateMedia({ colorScheme });
            await blank.setContent(html);
            await blank.screenshot({ path: path.join(screens, `message-${at}-${colorScheme}.png`), fullPage: true });
          }
      }
    });
  });
