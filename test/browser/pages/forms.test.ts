import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "../../kit/chromium.js";
import { serveStates } from "./state-server.js";

const browser = await launchBrowser({ after });
const server = await serveStates({ after });
let context: BrowserContext;
let page: Page;
let posts = 0;

server.answer = (request, response) => {
  if (request.method !== "POST") return false;
  posts += 1;
  setTimeout(() => response.writeHead(303, { Location: "/states/home" }).end(), 400);
  return true;
};

beforeEach(async () => {
  posts = 0;
  context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  page = await context.newPage();
});

afterEach(() => context.close());

async function open(name: string): Promise<void> {
  await page.goto(`${server.origin}/states/${name}`);
}

describe("forms", () => {
  it("put the focus on the summary of errors, and its lines lead to their fields", async () => {
    await open("register-errors");
    assert.equal(await page.locator(".summary:focus").count(), 1);
    await page.getByRole("link", { name: /^Email:/ }).click();
    assert.equal(await page.locator("#email:focus").count(), 1);
    assert.equal(await page.locator("#email").getAttribute("aria-invalid"), "true");
    assert.match((await page.locator("#email").getAttribute("aria-describedby"))!, /email-error/);
    assert.equal(await page.locator("#username").inputValue(), "maria");
  });

  it("put the focus into the first field when there is nothing to mend", async () => {
    await open("login");
    assert.equal(await page.locator("#username:focus").count(), 1);
  });

  it("tell password managers what is what", async () => {
    const expected = {
      login: ["username", "current-password"],
      register: ["username", "email", "new-password"],
      password: ["username", "current-password", "new-password"],
    };
    for (const [name, wanted] of Object.entries(expected)) {
      await open(name);
      const seen = await page
        .locator("input[autocomplete]")
        .evaluateAll((inputs) => inputs.map((input) => (input as unknown as { autocomplete: string }).autocomplete));
      assert.deepEqual(seen, wanted);
    }
  });

  it("are sent once, however often the button is pressed", async () => {
    await open("login");
    await page.locator("#username").fill("maria");
    await page.locator("#password").fill("tram lemon orbit");
    const said = await page.evaluate<string>(`(() => {
      const button = document.querySelector("main form button:not([type])");
      button.click();
      button.click();
      button.form.requestSubmit();
      return button.textContent;
    })()`);
    assert.equal(said, "Signing in…");
    await page.waitForURL("**/states/home");
    assert.equal(posts, 1);
  });

  it("are ready again after the back button, without the password", async () => {
    await open("login");
    await page.locator("#username").fill("maria");
    await page.locator("#password").fill("tram lemon orbit");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/states/home");
    await page.goBack();
    await page.locator("#username").fill("maria");
    await page.locator("#password").fill("tram lemon orbit");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/states/home");
    assert.equal(posts, 2);
  });

  it("show the password while it is wanted, and never send it from a plain text field", async () => {
    await open("login");
    await page.locator("#username").fill("maria");
    await page.locator("#password").fill("tram lemon orbit");
    const show = page.locator("[data-reveal]");
    await show.click();
    assert.equal(await page.locator("#password").getAttribute("type"), "text");
    assert.equal(await show.getAttribute("aria-pressed"), "true");
    const sentAs = await page.evaluate<string>(`(() => {
      document.querySelector("main form").requestSubmit();
      return document.querySelector("#password").type;
    })()`);
    assert.equal(sentAs, "password");
    await page.waitForURL("**/states/home");
  });

  it("say what a new password lacks, below it", async () => {
    await open("register");
    await page.locator("#username").fill("maria2026");
    await page.locator("#password").pressSequentially("short");
    assert.equal(await page.locator("#password-strength").textContent(), "7 more characters.");
    await page.locator("#password").fill("maria2026maria");
    assert.match((await page.locator("#password-strength").textContent())!, /^Too easy to guess/);
    await page.locator("#password").fill("tram lemon orbit quietly");
    assert.equal(await page.locator("#password-strength").textContent(), "Long and hard to guess.");
  });

  it("count down a pause", async () => {
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(1000);
    await open("error-too-many");
    const timer = page.getByRole("timer");
    assert.equal(await timer.textContent(), "1:35");
    await page.clock.runFor(1700);
    assert.equal(await timer.textContent(), "1:34");
    await page.clock.runFor(34_000);
    assert.equal(await timer.textContent(), "1:00");
    await page.clock.runFor(70_000);
    assert.equal(await timer.textContent(), "0:00");
  });
});

describe("recovery codes", () => {
  it("can be copied", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await open("recovery-codes-shown");
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByText("Copied.").waitFor();
    const text = await page.evaluate<string>("navigator.clipboard.readText()");
    assert.match(text, /^Acme: recovery codes of maria\n\nk7dm-2qxw\n/);
    assert.equal(text.trim().split("\n").length, 12);
  });

  it("can be downloaded", async () => {
    await open("recovery-codes-shown");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "Acme recovery codes.txt");
    assert.match(await readFile(await download.path(), "utf8"), /\nk7dm-2qxw\n3vbn-t8zc\n/);
  });

  it("can be printed: the codes and whose they are, dark on white, no buttons", async () => {
    await page.emulateMedia({ colorScheme: "dark", media: "print" });
    await open("recovery-codes-shown");
    assert.ok(await page.getByText("Acme: recovery codes of maria").isVisible());
    assert.equal(await page.getByRole("button", { name: "Print" }).isVisible(), false);
    assert.equal(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    assert.equal(await page.evaluate<string>("getComputedStyle(document.querySelector('code')).color"), "rgb(0, 0, 0)");
    await page.evaluate("window.print = () => { window.printed = true }");
    await page.emulateMedia({ media: "screen" });
    await page.getByRole("button", { name: "Print" }).click();
    assert.equal(await page.evaluate("window.printed"), true);
  });
});

describe("times", () => {
  it("stand in the reader's own zone", async () => {
    const zoned = await browser.newContext({ timezoneId: "Pacific/Auckland" });
    const there = await zoned.newPage();
    await there.goto(`${server.origin}/states/two-factor-manage`);
    const time = there.locator("time");
    assert.equal(await time.getAttribute("datetime"), "2026-10-15T10:42:07.000Z");
    assert.match((await time.textContent())!, /23:42$/);
    assert.equal(await time.getAttribute("title"), "2026-10-15 10:42 UTC");
    await zoned.close();
  });

  it("K16 go by the calendar, and move on with it in a tab that is left open", async () => {
    const zoned = await browser.newContext({ timezoneId: "Europe/Berlin" });
    const there = await zoned.newPage();
    await there.clock.setFixedTime("2026-10-15T21:59:00Z");
    await there.goto(`${server.origin}/states/two-factor-manage`);
    assert.equal(await there.locator("time").textContent(), "today 12:42");
    await there.clock.setFixedTime("2026-10-15T22:01:00Z");
    await there.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    assert.equal(await there.locator("time").textContent(), "yesterday 12:42");
    await zoned.close();
  });
});
