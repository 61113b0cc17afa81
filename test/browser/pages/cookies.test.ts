import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { serveApplication } from "../../http/served-application.js";
import { launchBrowser } from "../../kit/chromium.js";

const browser = await launchBrowser({ after });
const { origin } = await serveApplication({ after });
const PASSWORD = "tram lemon orbit quietly";

async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent("domcontentloaded"), page.getByRole("button", { name, exact: true }).click()]);
}

function note(page: Page): Promise<string> {
  return page.locator(".flashes").innerText();
}

async function fillRegistration(page: Page, username: string): Promise<void> {
  await page.locator("#username").fill(username);
  await page.locator("#email").fill(`${username}@example.com`);
  await page.locator("#password").fill(PASSWORD);
}

describe("K6 a real browser", () => {
  it("opens three tabs at once in a fresh profile, and each of them gets its form through", async () => {
    const context = await browser.newContext();
    const tabs = await Promise.all([1, 2, 3].map(() => context.newPage()));
    await Promise.all(tabs.map((tab) => tab.goto(`${origin}/register`)));
    let came = 0;
    for (const [at, tab] of tabs.entries()) {
      const username = `tab${at}`;
      await fillRegistration(tab, username);
      await press(tab, "Create account");
      if (tab.url().endsWith("/register")) {
        came += 1;
        assert.match(await note(tab), /out of date, so nothing was done\. Type again what is empty/);
        assert.equal(await tab.locator("#username").inputValue(), username);
        assert.equal(await tab.locator("#email").inputValue(), `${username}@example.com`);
        assert.equal(await tab.locator("#password").inputValue(), "");
        await tab.locator("#password").fill(PASSWORD);
        await press(tab, "Create account");
      }
      assert.match(await tab.locator("h1").innerText(), /Your account/);
      await press(tab, "Sign out");
    }
    assert.equal(came, 2, "the browser keeps one visit of the three");
  });

  it("that has no cookie left when it sends a form is told that they are needed", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${origin}/login`);
    await page.locator("#username").fill("maria");
    await page.locator("#password").fill(PASSWORD);
    await context.clearCookies(); // as where they are blocked
    await press(page, "Sign in");
    assert.match(await note(page), /sent no cookie, so nothing was done\. This site needs cookies/);
    assert.equal(await page.locator("#username").inputValue(), "maria");
    assert.equal(await page.locator("#password").inputValue(), "");
  });
});
