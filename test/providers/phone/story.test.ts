import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { axeViolations, complaintsOf, sidewaysOverflow } from "../../browser/pages/chromium.js";
import { launchBrowser } from "../../kit/chromium.js";
import { startProgram } from "../../kit/program.js";

const PASSWORD = "tram lemon orbit quietly";

const browser = await launchBrowser({ after });
const program = await startProgram({ after }, { env: { MATCH_CODE: "always" } });
const { site } = program.web;

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole("heading", { name, level: 1 }).waitFor({ timeout: 15_000 });
}

/** Presses a button and waits for the page that it leads to. */
async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent("domcontentloaded"), page.getByRole("button", { name, exact: true }).click()]);
}

/** Presses a button of the phone's page, which changes without a new one. */
async function tap(phone: Page, name: string): Promise<void> {
  await phone.getByRole("button", { name, exact: true }).click();
}

async function digitsOn(page: Page, mark: string): Promise<string> {
  const text = await page.locator(`[${mark}]`).innerText();
  return /\d{6}/.exec(text)?.[0] ?? "";
}

interface Own {
  readonly page: Page;
  readonly phone: Page;
  readonly complaints: string[];
}

/** Opens an account in one browser, and adds the page in another one as its phone, by the letters below the QR code. */
async function enrol(username: string, contexts: BrowserContext[] = []): Promise<Own> {
  const [here = await browser.newContext(), there = await browser.newContext()] = contexts;
  const [page, phone] = [await here.newPage(), await there.newPage()];
  const complaints = [...[complaintsOf(page)], complaintsOf(phone)].flat();
  await page.goto(`${site}/register`);
  await page.locator("#username").fill(username);
  await page.locator("#email").fill(`${username}@example.com`);
  await page.locator("#password").fill(PASSWORD);
  await press(page, "Create account");
  await page.goto(`${site}/account/two-factor?add=phone`);
  await press(page, "Add a phone");
  await heading(page, "Add your phone");
  const letters = await page.locator("[data-typed]").innerText();

  await phone.goto(`${site}/phone/`);
  await heading(phone, "No account on this phone yet");
  await phone.locator("#letters").fill(letters.toLowerCase());
  await tap(phone, "Go on");
  await heading(phone, `Add this phone to ${username}?`);
  await tap(phone, "Add this phone");
  await heading(phone, "Compare the digits");
  await heading(page, "Is this your phone?");
  assert.equal(await digitsOn(page, "data-digits"), await digitsOn(phone, "data-digits"));
  await press(page, "The digits are the same");
  await heading(page, "Your phone is added");
  await heading(phone, "Nothing to approve");
  await press(page, "Sign out");
  return { page, phone, complaints };
}

async function signIn(page: Page, username: string): Promise<void> {
  await page.goto(`${site}/login`);
  await page.locator("#username").fill(username);
  await page.locator("#password").fill(PASSWORD);
  await press(page, "Sign in");
}

/** Whether the phone's page can be read by all, on the narrowest screen, too. */
async function isReadable(phone: Page): Promise<void> {
  await phone.setViewportSize({ width: 320, height: 640 });
  const state = await phone.locator("main").getAttribute("data-state");
  assert.ok((await sidewaysOverflow(phone)) <= 0, `${state ?? ""} is wider than 320 px`);
  assert.deepEqual(await axeViolations(phone), [], state ?? "");
}

describe("a phone of our own", () => {
  it("is added by a code, asked live, and lets its browser in with the code that it shows", async () => {
    const { page, phone, complaints } = await enrol("ada");
    await signIn(page, "ada");
    await heading(phone, "Sign in to Countersign test?");
    await isReadable(phone);
    const [deny, approve] = await Promise.all(
      ["Deny", "Approve"].map((name) => phone.getByRole("button", { name, exact: true }).boundingBox()),
    );
    assert.deepEqual([deny?.width, deny?.height], [approve?.width, approve?.height]);
    assert.ok((approve?.height ?? 0) >= 48);
    const code = await digitsOn(phone, "data-code");
    await tap(phone, "Approve");
    await heading(phone, "Approved");
    await page.locator("#match_code").fill(code);
    await press(page, "Sign in");
    await heading(page, "Your account");
    await isReadable(phone);
    await tap(phone, "Done");
    await heading(phone, "Nothing to approve");
    await isReadable(phone);
    assert.deepEqual(complaints, []);
  });

  it("says what became of a request that it did not answer", async () => {
    const { page, phone } = await enrol("dora");
    await signIn(page, "dora");
    await heading(phone, "Sign in to Countersign test?");
    await press(page, "Cancel");
    await heading(phone, "Cancelled");
    await isReadable(phone);
    await tap(phone, "Done");
    await heading(phone, "Nothing to approve");
    await signIn(page, "dora");
    await heading(phone, "Sign in to Countersign test?");
    const [row] = program.rows.all("SELECT id FROM challenges WHERE state = 'pending'");
    program.rows.run(
      "UPDATE challenges SET state = 'approved', settled_at = created_at, answered_by = factor_id WHERE id = ?",
      row?.["id"],
    );
    await heading(phone, "Approved on this phone");
    await phone.goto(`${site}/phone/#request=${String(row?.["id"])}`);
    await heading(phone, "Approved on this phone");
    assert.doesNotMatch(phone.url(), /request=/);
  });

  it("denies, and nobody is signed in", async () => {
    const { page, phone } = await enrol("ben");
    await signIn(page, "ben");
    await heading(phone, "Sign in to Countersign test?");
    await tap(phone, "Deny");
    await heading(phone, "Was it you?");
    await isReadable(phone);
    await tap(phone, "Yes, cancel it");
    await heading(phone, "Denied");
    await heading(page, "You denied this request");
  });

  it("PH16 says that it was somebody else, which ends every session", async () => {
    const there = await browser.newContext();
    const { page, phone } = await enrol("cleo", [await browser.newContext(), there]);
    await signIn(page, "cleo");
    await heading(phone, "Sign in to Countersign test?");
    await tap(phone, "Deny");
    await tap(phone, "No, this was not me");
    await heading(phone, "Lock them out?");
    await isReadable(phone);
    await tap(phone, "Lock them out");
    await heading(phone, "They are locked out");
    const row = program.rows.one(
      "SELECT must_change_password AS must, epoch FROM subscribers WHERE username = ?",
      "cleo",
    );
    assert.equal(row?.["must"], 1);
  });
});
