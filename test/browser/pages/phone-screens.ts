import assert from "node:assert/strict";
import type { Browser, BrowserContext, Page } from "playwright-core";

import type { Program } from "../../kit/program.js";
import { axeViolations, sidewaysOverflow } from "./chromium.js";

const PASSWORD = "tram lemon orbit quietly";
const NARROW = { width: 360, height: 740 };
const PIXEL =
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36";

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole("heading", { name, level: 1 }).waitFor({ timeout: 60_000 });
}

async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent("domcontentloaded"), page.getByRole("button", { name, exact: true }).click()]);
}

async function tap(phone: Page, name: string): Promise<void> {
  await phone.getByRole("button", { name, exact: true }).click();
}

/**
 * Brings the page of a phone of our own, and the pages beside it, to each of their states, as two people with two devices do.
 * Every state can be read by all: no axe violation, nothing wider than 320 px.
 *
 * @param browser - With a fake camera that sees a code of somewhere else.
 */
export async function tourPhone(
  program: Program,
  browser: Browser,
  stop: (name: string, page: Page) => Promise<void>,
): Promise<string[]> {
  const { site } = program;
  const names: string[] = [];
  const look = async (name: string, page: Page): Promise<void> => {
    names.push(name);
    await page.setViewportSize({ width: 320, height: 640 });
    assert.ok((await sidewaysOverflow(page)) <= 0, `${name} is wider than 320 px`);
    assert.deepEqual(await axeViolations(page), [], name);
    await page.setViewportSize(NARROW);
    await stop(name, page);
  };
  const open = async (userAgent?: string): Promise<BrowserContext> =>
    browser.newContext({
      viewport: NARROW,
      colorScheme: "light",
      ...(userAgent === undefined ? {} : { userAgent }),
    });

  const page = await (await open()).newPage();
  await page.goto(`${site}/register`);
  await page.locator("#username").fill("ada");
  await page.locator("#email").fill("ada@example.com");
  await page.locator("#password").fill(PASSWORD);
  await press(page, "Create account");
  await page.goto(`${site}/account/two-factor?add=phone`);
  await look("phone-begin", page);
  await press(page, "Add a phone");
  await heading(page, "Add your phone");
  await look("phone-code", page);
  const letters = await page.locator("[data-typed]").innerText();

  const device = await open(PIXEL);
  // A browser without a window says that everything is declined.
  await device.addInitScript(
    `Object.defineProperty(Notification, "permission", { get: () => sessionStorage.getItem("says") ?? "default" });`,
  );
  const phone = await device.newPage();
  await phone.goto(`${site}/phone/`);
  await heading(phone, "No account on this phone yet");
  await look("phone-empty", phone);
  await tap(phone, "Scan the code");
  await phone.getByText("This is another code").waitFor();
  await look("phone-scanning", phone);
  await tap(phone, "Back");
  await heading(phone, "No account on this phone yet");
  await phone.locator("#letters").fill("AAAA AAAA AAAA AAAA");
  await tap(phone, "Go on");
  await heading(phone, "This code is no longer good");
  await look("phone-no-code", phone);

  const secretWindow = await open(PIXEL);
  await secretWindow.addInitScript(
    `IDBObjectStore.prototype.put = () => { throw new DOMException("no key can be kept", "DataCloneError"); };`,
  );
  const unable = await secretWindow.newPage();
  await unable.goto(`${site}/phone/`);
  await unable.locator("#letters").fill(letters);
  await tap(unable, "Go on");
  await tap(unable, "Add this phone");
  await heading(unable, "This window can keep no key");
  await look("phone-cannot-keep", unable);
  await secretWindow.close();

  const lockless = await open(PIXEL);
  await lockless.route("**/phone/", async (route) => {
    const html = await (await route.fetch()).text();
    await route.fulfill({
      body: html.replace('data-verification="preferred"', 'data-verification="required"'),
      contentType: "text/html",
    });
  });
  const unlocked = await lockless.newPage();
  await unlocked.goto(`${site}/phone/`);
  await unlocked.locator("#letters").fill(letters);
  await tap(unlocked, "Go on");
  await heading(unlocked, "This phone has no lock to ask for");
  await look("phone-no-lock", unlocked);
  await lockless.close();

  await tap(phone, "Back");
  const session = await device.newCDPSession(phone);
  await session.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: false, automaticPresenceSimulation: true },
    },
  });
  const knowsFinger = (isUserVerified: boolean) =>
    session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
  await phone.locator("#letters").fill(letters);
  await tap(phone, "Go on");
  await heading(phone, "Add this phone to ada?");
  await look("phone-adding", phone);
  await tap(phone, "Add this phone");
  await heading(phone, "This phone was not unlocked");
  await look("phone-not-unlocked", phone);
  await knowsFinger(true);
  await tap(phone, "Try again");
  await heading(phone, "Compare the digits");
  await look("phone-comparing", phone);
  await heading(page, "Is this your phone?");
  await look("phone-claimed", page);
  await press(page, "The digits are the same");
  await heading(phone, "Nothing to approve");
  await look("phone-nothing", phone);
  await phone.evaluate(`sessionStorage.setItem("says", "denied")`);
  await phone.reload();
  await heading(phone, "Nothing to approve");
  await look("phone-declined", phone);
  await tap(phone, "Add another account");
  await heading(phone, "Add another account");
  await look("phone-another", phone);
  await tap(phone, "Back");
  await heading(phone, "Nothing to approve");
  await press(page, "Sign out");

  const signIn = async (): Promise<void> => {
    await page.goto(`${site}/login`);
    await page.locator("#username").fill("ada");
    await page.locator("#password").fill(PASSWORD);
    await press(page, "Sign in");
    await heading(phone, "Sign in to Acme?");
  };
  await signIn();
  await look("login-approval-listed", page);
  await look("phone-request", phone);
  await knowsFinger(false);
  await tap(phone, "Approve");
  await phone.getByText("It was not unlocked").waitFor();
  await look("phone-request-not-unlocked", phone);
  await knowsFinger(true);
  await tap(phone, "Deny");
  await heading(phone, "Was it you?");
  await look("phone-why", phone);
  await tap(phone, "No, this was not me");
  await heading(phone, "Lock them out?");
  await look("phone-not-me", phone);
  await tap(phone, "Back");
  await tap(phone, "Yes, cancel it");
  await heading(phone, "Denied");
  await look("phone-denied", phone);
  await tap(phone, "Done");

  await signIn();
  await press(page, "Cancel");
  await heading(phone, "Cancelled");
  await look("phone-ended", phone);
  await tap(phone, "Done");

  await signIn();
  await device.setOffline(true);
  await phone.waitForTimeout(800); // the buttons are dead for 700 ms
  await tap(phone, "Approve");
  await heading(phone, "Your answer did not arrive");
  await look("phone-offline", phone);
  await device.setOffline(false);
  await tap(phone, "Go on");
  await heading(phone, "Sign in to Acme?");
  await tap(phone, "Approve");
  await heading(phone, "Approved");
  await look("phone-approved", phone);

  program.rows.run("UPDATE factors SET state = 'removed', removed_at = created_at WHERE type = 'phone'");
  await phone.goto(`${site}/phone/`);
  await heading(phone, "This phone can no longer answer");
  await look("phone-removed", phone);
  return names;
}
