import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import type { CDPSession, Page } from "playwright-core";

import { axeViolations, complaintsOf, sidewaysOverflow } from "../../browser/pages/chromium.js";
import { serveApplication } from "../../http/served-application.js";
import { launchBrowser } from "../../kit/chromium.js";
import { freePort } from "../../kit/ports.js";

const PASSWORD = "tram lemon orbit quietly";

const port = await freePort();
const site = `http://localhost:${port}`;
const { deps } = await serveApplication({ after }, { PORT: String(port), PUBLIC_URL: site, FACTORS: "passkey,totp" });
const browser = await launchBrowser({ after });

/** Why answers were refused, as the log has it. */
const refusals: unknown[] = [];
Object.assign(deps.log, { warn: ({ why }: { readonly why?: unknown }) => refusals.push(why) });

interface Device {
  readonly page: Page;
  readonly complaints: string[];
  readonly session: CDPSession;
  readonly authenticatorId: string;
}

/** A browser with an authenticator of its own, which answers as soon as it may. */
async function openDevice(): Promise<Device> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    },
  });
  return { page, session, authenticatorId, complaints: complaintsOf(page) };
}

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole("heading", { name, level: 1 }).waitFor({ timeout: 15_000 });
}

async function press(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
}

async function says(page: Page, words: RegExp): Promise<void> {
  await page.locator("#passkey-said", { hasText: words }).waitFor({ timeout: 15_000 });
}

/** Whether the page can be read by all, on the narrowest screen, too. */
async function isReadable(page: Page): Promise<void> {
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok((await sidewaysOverflow(page)) <= 0, `${page.url()} is wider than 320 px`);
  assert.deepEqual(await axeViolations(page), [], page.url());
}

async function register({ page }: Device, username: string): Promise<void> {
  await page.goto(`${site}/register`);
  await page.locator("#username").fill(username);
  await page.locator("#email").fill(`${username}@example.com`);
  await page.locator("#password").fill(PASSWORD);
  await press(page, "Create account");
  await heading(page, "Your account");
}

async function beginToAdd({ page }: Device): Promise<void> {
  await page.goto(`${site}/account/two-factor?add=passkey`);
  await press(page, "Add a passkey");
  await page.waitForURL("**/registration");
}

async function typePassword({ page, session, authenticatorId }: Device, username: string): Promise<void> {
  // Otherwise the offer beside the name would sign in at once.
  await session.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: false });
  await page.goto(`${site}/login`);
  await page.locator("#username").fill(username);
  await page.locator("#password").fill(PASSWORD);
  await press(page, "Sign in");
  await heading(page, "Use your passkey");
  await session.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: true });
}

async function signOut({ page, session, authenticatorId }: Device): Promise<void> {
  await session.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: false });
  await press(page, "Sign out");
  await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "detached" });
  await session.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: true });
}

describe("passkeys in Chromium", () => {
  it("PH17: enrols, signs in beside the password and by autofill alone, steps up, and refuses a copy and no unlocking", async () => {
    const device = await openDevice();
    const { page, session, authenticatorId, complaints } = device;
    await register(device, "ada");
    await beginToAdd(device);
    await isReadable(page);
    await press(page, "Make the passkey");
    await heading(page, "Your passkey is added");
    await isReadable(page);
    await page.goto(`${site}/account/two-factor`);
    await page.getByText("On one device only").waitFor();
    await isReadable(page);
    await signOut(device);

    await typePassword(device, "ada");
    await isReadable(page);
    await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
    await press(page, "Use a passkey");
    await says(page, /^Nothing happened: no passkey was used/);
    await session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
    await press(page, "Use a passkey");
    await heading(page, "Your account");

    await page.goto(`${site}/account/two-factor/disable`);
    await press(page, "Go on with the passkey");
    await press(page, "Use a passkey");
    await page.waitForURL("**/account/two-factor/disable");
    await page.getByText("You approved this.").waitFor();
    await page.goto(`${site}/account`);
    await signOut(device);

    await page.goto(`${site}/login?next=/account/activity`);
    await heading(page, "Activity");
    await page.goto(`${site}/account`);
    await signOut(device);

    const { credentials } = await session.send("WebAuthn.getCredentials", { authenticatorId });
    const [kept] = credentials;
    assert.ok(kept && kept.signCount > 1);
    await session.send("WebAuthn.removeCredential", { authenticatorId, credentialId: kept.credentialId });
    await typePassword(device, "ada");
    await session.send("WebAuthn.addCredential", { authenticatorId, credential: { ...kept, signCount: 0 } });
    await press(page, "Use a passkey");
    await says(page, /not accepted, and nothing was done/);
    assert.deepEqual(
      complaints.filter((each) => !each.includes("422")),
      [],
    );
  });

  it("PH17: an answer counts on this site alone, once, and for its own account", async () => {
    const device = await openDevice();
    const { page, session, authenticatorId } = device;
    const idsOf = async () =>
      (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials.map(({ credentialId }) =>
        Buffer.from(credentialId, "base64").toString("base64url"),
      );
    const addPasskey = async (username: string): Promise<void> => {
      await register(device, username);
      await beginToAdd(device);
      await press(page, "Make the passkey");
      await heading(page, "Your passkey is added");
      await page.goto(`${site}/account`);
      await signOut(device);
    };
    refusals.length = 0;
    await addPasskey("bob");
    const [bobs = ""] = await idsOf();
    await addPasskey("carla");

    // Another account's: the page is told to take any.
    await typePassword(device, "carla");
    const OPTIONS = "**/login/approval/passkey/options";
    await page.route(OPTIONS, async (route) => {
      const options = (await (await route.fetch()).json()) as Record<string, unknown>;
      await route.fulfill({ json: { ...options, allowCredentials: [{ type: "public-key", id: bobs }] } });
    });
    await press(page, "Use a passkey");
    await says(page, /not accepted, and nothing was done/);
    await page.unroute(OPTIONS);

    // The right one opens the account; what it said does so no second time.
    const sent = page.waitForRequest("**/login/approval/passkey");
    await press(page, "Use a passkey");
    const answer = (await sent).postData() ?? "";
    await heading(page, "Your account");
    await signOut(device);
    await typePassword(device, "carla");
    const ANSWER = "**/login/approval/passkey";
    await page.route(ANSWER, (route) => route.continue({ postData: answer }));
    await press(page, "Use a passkey");
    await says(page, /not accepted, and nothing was done/);
    await page.unroute(ANSWER);

    // A page that only looks like this one gets an answer under its own name; under another host's it gets none.
    const asked = page.waitForResponse(OPTIONS);
    await page.route(ANSWER, (route) => route.abort());
    await press(page, "Use a passkey");
    const options = JSON.stringify(await (await asked).json());
    await page.unroute(ANSWER);
    const server = createServer((_, res) =>
      res.setHeader("content-type", "text/html").end("<!doctype html><title>.</title>"),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    after(() => {
      server.closeAllConnections();
      server.close();
    });
    const elsewhere = (server.address() as AddressInfo).port;
    const ask = `(async () => {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(${options});
      return navigator.credentials.get({ publicKey }).then((given) => JSON.stringify(given), ({ name }) => name);
    })()`;
    await page.goto(`http://evil.localhost:${elsewhere}`);
    assert.equal(await page.evaluate<string>(ask), "SecurityError");
    await page.goto(`http://localhost:${elsewhere}`);
    const relayed = await page.evaluate<string>(ask);
    assert.match(relayed, /clientDataJSON/);
    await page.goto(`${site}/login/approval`);
    await page.route(ANSWER, (route) => route.continue({ postData: relayed }));
    await press(page, "Use a passkey");
    await says(page, /not accepted, and nothing was done/);
    await page.unroute(ANSWER);
    await press(page, "Use a passkey");
    await heading(page, "Your account");
    assert.deepEqual(refusals, ["foreign-account", "challenge", "origin"]);
  });

  it("says without scripts what is possible", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${site}/register`);
    await page.locator("#username").fill("noor");
    await page.locator("#email").fill("noor@example.com");
    await page.locator("#password").fill(PASSWORD);
    await press(page, "Create account");
    await heading(page, "Your account");
    await page.goto(`${site}/account/two-factor?add=passkey`);
    await press(page, "Add a passkey");
    await page.waitForURL("**/registration");
    assert.match(
      await page.locator("main noscript p").innerText(),
      /A passkey can only be made where JavaScript runs\./,
    );
    assert.equal(await page.getByRole("button", { name: "Make the passkey" }).isVisible(), false);
    await context.close();
  });
});
