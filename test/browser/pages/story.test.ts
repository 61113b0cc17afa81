import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "../../kit/chromium.js";
import { inTime } from "../../kit/in-time.js";
import { startProgram } from "../../kit/program.js";
import { type HeldPhone, holdPhone } from "./phone.js";

const PASSWORD = "tram lemon orbit quietly";

const browser = await launchBrowser({ after });
const program = await startProgram({ after });
const { site } = program.web;

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole("heading", { name, level: 1 }).waitFor({ timeout: 15_000 });
}

/** Presses a button and waits for the page that it leads to. */
async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent("domcontentloaded"), page.getByRole("button", { name, exact: true }).click()]);
}

/** Opens an account with a phone, and signs out. */
async function enrol(page: Page, username: string, phone: HeldPhone): Promise<void> {
  await page.goto(`${site}/register`);
  await page.locator("#username").fill(username);
  await page.locator("#email").fill(`${username}@example.com`);
  await page.locator("#password").fill(PASSWORD);
  await press(page, "Create account");
  await page.goto(`${site}/account/two-factor`);
  await press(page, "Add your phone");
  await phone.scan(page);
  await heading(page, "Your phone is added");
  await press(page, "Sign out");
}

async function signIn(page: Page, username: string): Promise<void> {
  await page.goto(`${site}/login`);
  await page.locator("#username").fill(username);
  await page.locator("#password").fill(PASSWORD);
  await press(page, "Sign in");
}

describe("the whole story by keyboard alone", () => {
  let page: Page;

  /** Goes on with the tab key until the focus is on what has this label or text. */
  async function tabTo(what: string): Promise<void> {
    const seen: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      const here = await page.evaluate<string>(
        "(document.activeElement.labels?.[0] ?? document.activeElement).innerText.trim()",
      );
      if (here === what) return;
      seen.push(here.slice(0, 30));
      await page.keyboard.press("Tab");
    }
    assert.fail(`the tab key never came to "${what}": ${seen.join(" | ")}`);
  }

  async function type(fields: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, text] of Object.entries(fields)) {
      await tabTo(label);
      await page.keyboard.insertText(text);
    }
  }

  async function enter(what: string): Promise<void> {
    await tabTo(what);
    await Promise.all([page.waitForEvent("domcontentloaded"), page.keyboard.press("Enter")]);
  }

  it("registers, adds the phone, keeps the codes, signs out and in with a tap, and disables it", async () => {
    page = await browser.newPage();
    const phone = holdPhone(program.phone);
    await page.goto(`${site}/`);
    await enter("Create an account");
    await type({ Username: "kay", Email: "kay@example.com", Password: PASSWORD });
    await enter("Create account");
    await page.goto(`${site}/account`);
    await enter("Add your phone");
    await enter("Add your phone");
    await heading(page, "Add your phone");
    await phone.scan(page);
    await heading(page, "Your phone is added");
    await enter("Show my recovery codes");
    await enter("I have kept them");
    await heading(page, "Your account");
    await enter("Sign out");
    await page.goto(`${site}/login`);
    await type({ Username: "kay", Password: PASSWORD });
    await enter("Sign in");
    await heading(page, "Approve the request on your phone");
    await phone.approve();
    await heading(page, "Your account");
    await enter("Replace or remove it");
    await enter("Disable two-factor sign-in");
    await enter("Ask my phone");
    await heading(page, "Approve the request on your phone");
    await phone.approve();
    await page.waitForURL("**/account/two-factor/disable");
    await enter("Disable it");
    await heading(page, "Sign in with a tap on your phone");
    await page.close();
  });
});

describe("the whole story without scripts", () => {
  it("registers, adds the phone, signs out and in with a tap, and disables it", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    const phone = holdPhone(program.phone);
    await enrol(page, "noor", phone); // the enrolment page looks again by itself

    await signIn(page, "noor");
    await heading(page, "Approve the request on your phone");
    await press(page, "I have approved it");
    await page.getByText("Not approved yet.").waitFor();
    await phone.approve();
    await heading(page, "Approved. Signing you in…"); // so does the waiting page
    await press(page, "Sign in");
    await heading(page, "Your account");

    await page.goto(`${site}/account/two-factor/disable`);
    await press(page, "Ask my phone");
    await phone.approve();
    await page.getByRole("button", { name: /^(I have approved it|Go on)$/ }).click();
    await page.waitForURL("**/account/two-factor/disable");
    await press(page, "Disable it");
    await heading(page, "Sign in with a tap on your phone");
    await context.close();
  });

  it("signs in from a browser that is new, with the code that the phone shows", async () => {
    const phone = holdPhone(program.phone);
    const at = await browser.newPage();
    await enrol(at, "nika", phone);
    await at.close();
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await signIn(page, "nika");
    await heading(page, "Approve the request on your phone");
    await page.locator("#match_code").fill((await phone.approve()).details["Code"] ?? "");
    await press(page, "Sign in");
    await heading(page, "Your account");
    await context.close();
  });
});

describe("behind a proxy that blocks the stream", () => {
  const phone = holdPhone(program.phone);
  let context: BrowserContext;
  let page: Page;

  async function waitingPage(block: (context: BrowserContext) => Promise<unknown>): Promise<void> {
    await block(context);
    await signIn(page, "bea");
    await heading(page, "Approve the request on your phone");
  }

  async function tapAndMoveOn(): Promise<void> {
    await phone.approve();
    await inTime(3000, "moving on after the tap", heading(page, "Your account"));
  }

  it("moves on within 3 s when the stream is refused", async () => {
    context = await browser.newContext();
    page = await context.newPage();
    await enrol(page, "bea", phone);
    await waitingPage((to) => to.route("**/events", (route) => route.fulfill({ status: 502 })));
    await tapAndMoveOn();
    await press(page, "Sign out");
  });

  it("moves on within 3 s when the stream is held back for ever", async () => {
    await context.unrouteAll();
    await waitingPage((to) => to.route("**/events", () => undefined));
    await delay(2500);
    await tapAndMoveOn();
    await context.unrouteAll({ behavior: "ignoreErrors" });
    await context.close();
  });
});
