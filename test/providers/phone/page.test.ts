import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { CDPSession, Page } from "playwright-core";
import QRCode from "qrcode";

import { axeViolations, complaintsOf, sidewaysOverflow } from "../../browser/pages/chromium.js";
import { launchBrowser } from "../../kit/chromium.js";
import { fakeCamera } from "../../kit/fake-camera.js";
import { openOwnPhone } from "../../kit/own-phone.js";
import { startProgram } from "../../kit/program.js";

const PASSWORD = "tram lemon orbit quietly";
const REGISTRATION = "/account/two-factor/registration";

/** Notes by which name each credential is made: authenticators do not tell. */
const NOTE_USERS = `
  globalThis.users = [];
  const create = navigator.credentials?.create.bind(navigator.credentials); // nowhere but in secure pages
  if (create) navigator.credentials.create = (options) => {
    users.push([...new Uint8Array(options.publicKey.user.id)].join("."));
    return create(options);
  };`;

const owner = { after };
const program = await startProgram(owner, {
  workers: 0,
  env: { PHONE_VERIFICATION: "required", MATCH_CODE: "never", LIMIT_PHONE_REQUESTS_PER_ADDRESS: "0" },
});
const camera = fakeCamera(owner);
const chromium = await launchBrowser(owner, { args: [...camera.args] });

/** A browser that reads codes itself, as on Android, or says so and cannot. */
const OWN_READER = (rawValue: string): string => `
  globalThis.BarcodeDetector = class {
    static getSupportedFormats() { return Promise.resolve(["qr_code"]); }
    detect() { return ${rawValue === "" ? 'Promise.reject(new Error("nothing behind it"))' : `Promise.resolve([{ rawValue: ${JSON.stringify(rawValue)} }])`}; }
  };`;

/** The browser of an account that begins to add a phone, and the letters below the code. */
async function begin(username: string) {
  const browser = program.openBrowser();
  await browser.post("/register", { username, email: `${username}@example.com`, password: PASSWORD });
  await browser.post(REGISTRATION, { type: "phone" });
  const { html } = await browser.visit(REGISTRATION);
  return { browser, letters: html.querySelector("[data-typed]")?.innerText.replaceAll(" ", "") ?? "" };
}

async function openPhonePage(script = "") {
  const context = await chromium.newContext({ viewport: { width: 360, height: 740 } });
  await context.addInitScript(NOTE_USERS + script);
  const page = await context.newPage();
  return { page, complaints: complaintsOf(page), session: await context.newCDPSession(page) };
}

async function addFingerprintReader(session: CDPSession) {
  await session.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    },
  });
  return {
    knowsFinger: (isUserVerified: boolean) =>
      session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    credentials: async () => (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
  };
}

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole("heading", { name, level: 1 }).waitFor({ timeout: 30_000 });
}

async function tap(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
}

async function isReadable(page: Page): Promise<void> {
  await page.setViewportSize({ width: 320, height: 640 });
  const state = await page.locator("main").getAttribute("data-state");
  assert.ok((await sidewaysOverflow(page)) <= 0, `${state} is wider than 320 px`);
  assert.deepEqual(await axeViolations(page), [], String(state));
}

describe("the page of a phone whose approvals have to be unlocked, in Chromium", () => {
  it("PH8 adds no phone without a lock, approves nothing that was not unlocked, and denies without", async () => {
    const { browser, letters } = await begin("una");
    const without = await openOwnPhone(program.site).claim(letters);
    assert.deepEqual([without.status, without.body], [422, '{"error":"needs-credential"}']);

    const { page, session, complaints } = await openPhonePage();
    const add = `${program.site}/phone/#add=${letters}`;
    await page.goto(add);
    await heading(page, "This phone has no lock to ask for");
    await isReadable(page);

    const reader = await addFingerprintReader(session);
    await reader.knowsFinger(false);
    await page.goto("about:blank");
    await page.goto(add);
    await heading(page, "Add this phone to una?");
    await isReadable(page);
    await tap(page, "Add this phone");
    await heading(page, "This phone was not unlocked");
    await isReadable(page);
    await reader.knowsFinger(true);
    await tap(page, "Try again");
    await heading(page, "Compare the digits");
    // Neither the account's own name nor twice the same: it would take the place of a passkey on this phone.
    const users = await page.evaluate<string[]>("users");
    assert.equal(users.length, 2);
    assert.equal(new Set(users).size, 2);
    // It is offered nowhere as a passkey.
    assert.deepEqual(
      (await reader.credentials()).map(({ isResidentCredential }) => isResidentCredential),
      [false],
    );
    await browser.post(`${REGISTRATION}/confirm`);
    await heading(page, "Nothing to approve");

    const signIn = async (): Promise<unknown> => {
      await browser.post("/logout");
      await browser.post("/login", { username: "una", password: PASSWORD });
      await heading(page, "Sign in to Countersign test?");
      return program.rows.one("SELECT id FROM challenges WHERE state = 'pending'")?.["id"];
    };
    const stateOf = (id: unknown) => program.rows.one("SELECT state FROM challenges WHERE id = ?", id)?.["state"];
    const first = await signIn();
    await reader.knowsFinger(false);
    await tap(page, "Approve");
    await page.getByText("It was not unlocked, so nothing was sent.").waitFor();
    assert.equal(stateOf(first), "pending");
    await isReadable(page);
    await reader.knowsFinger(true);
    await tap(page, "Approve");
    await heading(page, "Approved");
    assert.equal(stateOf(first), "approved");
    await tap(page, "Done");

    const second = await signIn();
    await reader.knowsFinger(false);
    await tap(page, "Deny");
    await tap(page, "Yes, cancel it");
    await heading(page, "Denied");
    assert.equal(stateOf(second), "denied");
    assert.deepEqual(complaints, []);
  });
});

describe("the code of the other screen, in Chromium", () => {
  const codeOf = (letters: string): string => `${program.site}/phone/#add=${letters}`;
  const asksToAdd = (page: Page, username: string) => heading(page, `Add this phone to ${username}?`);
  /** The phone's page, with a lock to ask for, which this program wants. */
  async function open(script?: string) {
    const opened = await openPhonePage(script);
    await addFingerprintReader(opened.session);
    await opened.page.goto(`${program.site}/phone/`);
    await heading(opened.page, "No account on this phone yet");
    return opened;
  }

  it("is scanned with the camera, which is let go of at once, by a module that is loaded for it alone", async () => {
    const { letters } = await begin("cleo");
    const { page, complaints } = await open();
    const loaded: string[] = [];
    page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
    await isReadable(page);
    camera.show("https://example.com/menu");
    await tap(page, "Scan the code");
    await heading(page, "Scan the code");
    await page.getByText("This is another code").waitFor();
    await isReadable(page);
    await tap(page, "Back");
    await heading(page, "No account on this phone yet");
    assert.ok(loaded.some((each) => each.endsWith("/qr/decode.js")));
    camera.show(codeOf(letters));
    await tap(page, "Scan the code");
    await asksToAdd(page, "cleo");
    assert.equal(await page.locator("video").count(), 0);
    assert.equal(page.url(), `${program.site}/phone/`);
    assert.deepEqual(complaints, []);
  });

  it("is found in a picture, and what is none is said to be none", async () => {
    const { letters } = await begin("paul");
    const { page, complaints } = await open();
    const choose = (buffer: Buffer) =>
      page.getByLabel("A picture of the code").setInputFiles({ name: "code.png", mimeType: "image/png", buffer });
    await choose(Buffer.from("no picture"));
    await page.getByText("There is no code to read in this picture.").waitFor();
    await choose(await QRCode.toBuffer("https://evil.example/phone/#add=AAAAAAAAAAAAAAAA"));
    await page.getByText("This is another code").waitFor();
    await choose(await QRCode.toBuffer(codeOf(letters), { width: 1200 }));
    await asksToAdd(page, "paul");
    assert.deepEqual(complaints, []);
  });

  it("is read by the browser itself where it can, and by the module where that fails", async () => {
    const { letters } = await begin("nell");
    camera.show("not looked at");
    const able = await open(OWN_READER(codeOf(letters)));
    const loaded: string[] = [];
    able.page.on("request", (request) => loaded.push(request.url()));
    await tap(able.page, "Scan the code");
    await asksToAdd(able.page, "nell");
    assert.ok(!loaded.some((each) => each.includes("/qr/")));
    await able.page.context().close();

    camera.show(codeOf(letters));
    const unable = await open(OWN_READER(""));
    await tap(unable.page, "Scan the code");
    await asksToAdd(unable.page, "nell");
    await unable.page.context().close();
  });

  it("is typed where there is no camera, which pages elsewhere may not have at all", async () => {
    const none = `navigator.mediaDevices && (navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error("none")));`;
    const { page } = await open(none);
    await tap(page, "Scan the code");
    await page.getByText("The camera cannot be used.").waitFor();
    await heading(page, "No account on this phone yet");
    const headers = async (at: string) => (await page.request.get(program.site + at)).headers();
    assert.equal((await headers("/phone/"))["permissions-policy"], "camera=(self)");
    assert.equal((await headers("/login"))["permissions-policy"] ?? "", "");
  });
});
