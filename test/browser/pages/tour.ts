import type { BrowserContext, Page } from "playwright-core";
import type { Program } from "../../kit/program.js";
import { type HeldPhone, holdPhone } from "./phone.js";

/** Settings of the program that let a tour see everything within a minute, and no request runs out while it is looked at. */
export const TOUR_SETTINGS = { RESEND_AFTER_SECONDS: "4", APPROVAL_TTL_SECONDS: "300" };
/** Settings of the second web process, in which everything runs out soon. */
const SHORT_LIVED = { APPROVAL_TTL_SECONDS: "5", REGISTRATION_TTL_SECONDS: "5" };

/** A step that takes longer leads nowhere, even on a slow machine. */
const PATIENCE_MS = 60_000;

const PASSWORD = "tram lemon orbit quietly";

export interface TourGuide {
  /** Started with TOUR_SETTINGS. */
  readonly program: Program;
  /** Opens a browser profile of its own. */
  readonly openProfile: () => Promise<BrowserContext>;
  /** Called at each stop, with the page in the state of that name. */
  readonly stop: (name: string, page: Page) => Promise<void>;
}

/** Walks through the real program and stops at every state of every page that people can bring it to. */
export async function tour(given: TourGuide): Promise<void> {
  const openProfile = async (): Promise<BrowserContext> => {
    const profile = await given.openProfile();
    profile.setDefaultTimeout(PATIENCE_MS);
    return profile;
  };
  const guide = { ...given, openProfile };
  const phone = holdPhone(guide.program.phone);
  const maria = await (await guide.openProfile()).newPage();
  await openAccount(guide, maria, phone);
  await lookAroundTheAccount(guide, maria);
  await signInByTap(guide, maria, phone);
  await stepUp(guide, maria, phone);
  await signInWhileAuthyFails(guide, maria, phone);
  await signInFromElsewhere(guide, phone);
  await reportSomebodyElse(guide, maria, phone);
  await shareAPhone(guide, phone);
  await runOutOfTime(guide);
  await meetErrors(guide, maria);
}

async function openAccount({ program, stop }: TourGuide, page: Page, phone: HeldPhone): Promise<void> {
  const { site } = program.web;
  await page.goto(`${site}/`);
  await stop("home", page);
  await page.getByRole("link", { name: "Create an account" }).click();
  await stop("register", page);
  await fill(page, { username: "maria", email: "maria@example.com", password: "password" });
  await press(page, "Create account");
  await stop("register-errors", page);
  await fill(page, { password: PASSWORD });
  await press(page, "Create account");
  await page.goto(`${site}/account`);
  await stop("account-without-phone", page);
  await page.getByRole("link", { name: "Add your phone" }).click();
  await stop("two-factor-enable", page);
  await press(page, "Add your phone");
  await stop("registration-waiting", page);
  await phone.scan(page);
  await heading(page, "Your phone is added");
  await stop("registration-completed", page);
  await press(page, "Show my recovery codes");
  await heading(page, "Keep these recovery codes");
  await stop("recovery-codes-shown", page);
  await page.getByRole("link", { name: "I have kept them" }).click();
  await heading(page, "Your account");
  await stop("account", page);
}

async function lookAroundTheAccount({ program, stop }: TourGuide, page: Page): Promise<void> {
  const places = {
    home: "home-signed-in",
    "account/two-factor": "two-factor-manage",
    "account/two-factor/disable": "two-factor-disable",
    "account/recovery-codes": "recovery-codes",
    "account/password": "password-ask-phone",
    "account/sessions": "sessions",
    "account/activity": "activity",
  };
  for (const [path, name] of Object.entries(places)) {
    await page.goto(`${program.web.site}/${path === "home" ? "" : path}`);
    await stop(name, page);
  }
  await press(page, "Sign out");
}

async function signInByTap({ program, stop }: TourGuide, page: Page, phone: HeldPhone): Promise<void> {
  await page.goto(`${program.web.site}/login`);
  await stop("login", page);
  await fill(page, { username: "maria", password: "not the password" });
  await press(page, "Sign in");
  await stop("login-errors", page);
  await askForTap(page, program.web.site);
  await stop("login-approval-waiting", page);
  await press(page, "I have approved it");
  await page.waitForURL("**/login/approval?still=pending");
  await stop("login-approval-waiting-still-pending", page);
  await page.getByRole("button", { name: "Send again", exact: true }).waitFor();
  await stop("login-approval-waiting-resend-ready", page);
  await page.getByRole("link", { name: "Use a code instead" }).click();
  await stop("login-code", page);
  await fill(page, { code: "0000000" });
  await press(page, "Sign in");
  await stop("login-code-errors", page);
  await page.getByRole("link", { name: "Back to the request on your phone" }).click();
  await heading(page, "Approve the request on your phone");
  await phone.deny();
  await heading(page, "You denied this request");
  await stop("login-approval-denied", page);
  await page.getByRole("link", { name: "No, this was not me" }).click();
  await stop("not-me", page);
  await page.getByRole("link", { name: "Go back" }).click();
  await press(page, "Yes, try again");
  await heading(page, "Approve the request on your phone");
  await approveAndStop(page, phone, () => stop("login-approval-approved", page));
  await page.waitForURL("**/account");
}

async function stepUp({ program, stop }: TourGuide, page: Page, phone: HeldPhone): Promise<void> {
  const { site } = program.web;
  await page.goto(`${site}/account/two-factor/disable`);
  await press(page, "Ask my phone");
  await heading(page, "Approve the request on your phone");
  await stop("approval-waiting", page);
  await page.getByRole("link", { name: "Use a code instead" }).click();
  await stop("approval-code", page);
  await page.getByRole("link", { name: "Back to the request on your phone" }).click();
  await heading(page, "Approve the request on your phone");
  await phone.deny();
  await heading(page, "You denied this request");
  await stop("approval-denied", page);
  await press(page, "Yes, try again");
  await heading(page, "Approve the request on your phone");
  await approveAndStop(page, phone, () => stop("approval-approved", page));
  await page.waitForURL("**/account/two-factor/disable");
  await stop("two-factor-disable-approved", page);
  await page.goto(`${site}/account/recovery-codes`);
  await press(page, "Ask my phone");
  await heading(page, "Approve the request on your phone");
  await phone.approve();
  await page.waitForURL("**/account/recovery-codes");
  await stop("recovery-codes-approved", page);
  await page.goto(`${site}/account/password`);
  await press(page, "Ask my phone");
  await heading(page, "Approve the request on your phone");
  await phone.approve();
  await page.waitForURL("**/account/password");
  await stop("password", page);
  await fill(page, { current_password: "not the password", password: "password" });
  await press(page, "Change the password");
  await stop("password-errors", page);
  await press(page, "Sign out");
}

async function signInWhileAuthyFails({ program, stop }: TourGuide, page: Page, phone: HeldPhone): Promise<void> {
  const { site } = program.web;
  await program.phone.faults({ route: "approval-create", status: 503 });
  await askForTap(page, site, "Your phone could not be reached");
  await stop("login-approval-failed", page);
  await program.phone.faults();
  await press(page, "Try again");
  await heading(page, "Approve the request on your phone");
  const second = await page.context().newPage();
  // It would look again while it is being looked at.
  await second.route(/\/assets\/.*waiting\.js$/, (route) =>
    route.fulfill({ contentType: "text/javascript", body: "" }),
  );
  await page.bringToFront();
  await program.phone.faults({ route: "approval-create", latency_ms: 1500 });
  const sent = page.waitForRequest("**/resend");
  const resend = { isAnswered: false };
  page.once("domcontentloaded", () => (resend.isAnswered = true));
  await page.getByRole("button", { name: "Send again", exact: true }).click({ noWaitAfter: true });
  await sent;
  await second.bringToFront();
  const sending = second.getByRole("heading", { name: "Sending a request to your phone…" });
  do await second.goto(`${site}/login/approval`);
  while (!resend.isAnswered && (await sending.count()) === 0); // the look may come to the server before the press
  await heading(second, "Sending a request to your phone…");
  await stop("login-approval-sending", second);
  await second.close();
  await heading(page, "Approve the request on your phone");
  await program.phone.faults();
  await press(page, "Cancel");
  await page.waitForURL("**/login");
  await stop("login-cancelled", page);
  await program.phone.faults({ route: "approval-create", latency_ms: 5000, takes_effect: true });
  await askForTap(page, site, "Your phone could not be reached");
  await stop("login-approval-failed-unconfirmed", page);
  await program.phone.faults();
  await phone.approve();
  await page.waitForURL("**/account");
  await press(page, "Sign out");
}

async function signInFromElsewhere({ program, openProfile, stop }: TourGuide, phone: HeldPhone): Promise<void> {
  const page = await (await openProfile()).newPage();
  await askForTap(page, program.web.site);
  await stop("login-approval-waiting-code", page);
  const code = (await phone.approve()).details["Code"] ?? "";
  await heading(page, "Approved on your phone");
  await stop("login-approval-approved-code", page);
  await fill(page, { match_code: code === "000000" ? "000001" : "000000" });
  await press(page, "Sign in");
  await page.getByRole("alert").waitFor();
  await stop("login-approval-approved-code-wrong", page);
  await fill(page, { match_code: code });
  await press(page, "Sign in");
  await page.waitForURL("**/account");
  await page.goto(`${program.web.site}/account/sessions`);
  await page.context().close();
}

/** A stranger who knows the password asks; Maria denies it, sees that requests are paused, and says that it was not her. */
async function reportSomebodyElse(guide: TourGuide, maria: Page, phone: HeldPhone): Promise<void> {
  const { program, openProfile, stop } = guide;
  const { site } = program.web;
  const stranger = await (await openProfile()).newPage();
  await askForTap(stranger, site);
  await phone.deny();
  await heading(stranger, "You denied this request");
  await askForTap(stranger, site, "Requests to this phone are paused");
  await stop("login-approval-paused", stranger);
  await askForTap(maria, site);
  const tab = await maria.context().newPage();
  await askForTap(tab, site);
  await phone.deny();
  await heading(tab, "You denied this request");
  await tab.goto(`${site}/login/approval/not-me`);
  await press(tab, "Yes, this was not me");
  await tab.waitForURL("**/login");
  await stop("login-after-not-me", tab);
  await stranger.goto(`${site}/login/approval`);
  await heading(stranger, "This request was cancelled");
  await stop("login-approval-cancelled", stranger);
  await stranger.context().close();
  await askForTap(tab, site);
  await phone.approve();
  await tab.waitForURL((url) => !url.pathname.startsWith("/login"));
  await tab.goto(`${site}/account/password`);
  await stop("password-must-change", tab);
  await tab.close();
}

async function shareAPhone({ program, openProfile, stop }: TourGuide, { authyId }: HeldPhone): Promise<void> {
  const page = await (await openProfile()).newPage();
  await startEnrolment(page, program.web.site, "john");
  await holdPhone(program.phone, authyId).scan(page);
  await heading(page, "This phone is taken");
  await stop("registration-conflict", page);
  await page.context().close();
}

async function runOutOfTime({ program, openProfile, stop }: TourGuide): Promise<void> {
  const { site } = await program.startWeb(SHORT_LIVED);
  const page = await (await openProfile()).newPage();
  await startEnrolment(page, site, "nora");
  await heading(page, "The code ran out");
  await stop("registration-expired", page);
  await press(page, "New code");
  await heading(page, "Add your phone");
  await holdPhone(program.phone).scan(page);
  await heading(page, "Your phone is added");
  await page.goto(`${site}/account/two-factor/disable`);
  await press(page, "Ask my phone");
  await heading(page, "The request ran out");
  await stop("approval-expired", page);
  await press(page, "Sign out");
  await askForTap(page, site, "The request ran out", "nora");
  await stop("login-approval-expired", page);
  await page.context().close();
}

async function meetErrors({ program, stop }: TourGuide, page: Page): Promise<void> {
  const { site } = program.web;
  await page.goto(`${site}/no-such-page`);
  await stop("error-not-found", page);
  await press(page, "Sign out");
  await askForTap(page, site);
  await page.evaluate("document.querySelector('form[action$=resend]').submit()");
  await page.waitForURL("**/resend");
  await stop("error-too-many", page);
}

async function startEnrolment(page: Page, site: string, username: string): Promise<void> {
  await page.goto(`${site}/register`);
  await fill(page, { username, email: `${username}@example.com`, password: PASSWORD });
  await press(page, "Create account");
  await page.goto(`${site}/account/two-factor`);
  await press(page, "Add your phone");
  await heading(page, "Add your phone");
}

async function askForTap(
  page: Page,
  site: string,
  expected = "Approve the request on your phone",
  username = "maria",
): Promise<void> {
  await page.goto(`${site}/login`);
  await fill(page, { username, password: PASSWORD });
  await press(page, "Sign in");
  await heading(page, expected);
}

/** Approves, and holds the form that the page then sends by itself for as long as the stop takes. */
async function approveAndStop(page: Page, phone: HeldPhone, stop: () => Promise<void>): Promise<void> {
  await page.evaluate("HTMLElement.prototype.click = () => undefined");
  await phone.approve();
  await page.getByRole("heading", { name: /^Approved/ }).waitFor();
  await stop();
  await page.evaluate("document.querySelector('#finish').submit()");
}

async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) await page.locator(`[name="${name}"]`).fill(value);
}

/** Presses a button and waits for what it leads to. */
async function press(page: Page, name: string): Promise<void> {
  const next = page.waitForEvent("domcontentloaded");
  const pressed = page.getByRole("button", { name, exact: true }).click();
  await orSay(page, `pressing "${name}" leads nowhere`, Promise.all([next, pressed]));
}

async function heading(page: Page, name: string): Promise<void> {
  const there = page.getByRole("heading", { name, level: 1 }).waitFor();
  await orSay(page, `no heading "${name}"`, there);
}

/** A tour that stops where it should not says where it is. */
async function orSay(page: Page, complaint: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (cause) {
    const text = await page.locator("main").innerText();
    throw new Error(`${complaint} at ${page.url()}, which says: ${text}`, { cause });
  }
}
