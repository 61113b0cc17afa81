import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type BrowserContext, type Page } from "playwright-core";
import { launchBrowser } from "../../support/browser.js";
import { PAGE_STATES } from "./states.js";
import { renderState, serveStates } from "./state-server.js";

const browser = await launchBrowser({ after });
const server = await serveStates({ after });

async function open(context: BrowserContext, name: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${server.origin}/states/${name}`);
  return page;
}

describe("every state of every page", () => {
  it("needs no inline script, no inline style and no other origin", () => {
    for (const { name } of PAGE_STATES) {
      const html = renderState(name);
      assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|javascript:/i, name);
      assert.doesNotMatch(html, /<script(?![^>]*\ssrc="\/assets\/)/i, name);
      assert.doesNotMatch(html, /(?:src|action)="(?!\/)/i, name);
    }
  });

  it("names itself in its title", () => {
    const titles = PAGE_STATES.map(({ name }) => /<title>(.*) · Acme<\/title>/.exec(renderState(name))?.[1] ?? "");
    assert.ok(titles.every((title) => title.length > 3));
  });

  it("escapes whatever people and Authy write", () => {
    const hostile = `"><img src=x onerror=alert(1)>`;
    const html = renderState("login-approval-waiting", {
      username: hostile,
      browser: hostile,
      address: hostile,
      deviceLabel: hostile,
    });
    assert.doesNotMatch(html, /<img/);
    assert.match(html, /&lt;img/);
  });
});

describe("without scripts", () => {
  let context: BrowserContext;
  before(async () => {
    context = await browser.newContext({ javaScriptEnabled: false });
  });
  after(() => context.close());

  for (const name of [
    "login-approval-sending",
    "login-approval-waiting",
    "login-approval-failed-unconfirmed",
    "approval-waiting",
    "registration-waiting",
  ]) {
    it(`${name} looks again by itself every 5 s`, () => {
      assert.match(renderState(name), /<noscript><meta http-equiv="refresh" content="5; url=[^"]+"><\/noscript>/);
    });
  }

  it("the waiting page offers a button that goes on", async () => {
    const page = await open(context, "login-approval-waiting");
    assert.ok(await page.getByRole("button", { name: "I have approved it" }).isVisible());
    await page.close();
  });

  it("the approved page offers a button that goes on", async () => {
    for (const [name, label] of [
      ["login-approval-approved", "Sign in"],
      ["approval-approved", "Go on"],
    ] as const) {
      const page = await open(context, name);
      assert.ok(await page.getByRole("button", { name: label }).isVisible());
      await page.close();
    }
  });

  it("a half-typed code is not reloaded away; a button looks again", async () => {
    assert.doesNotMatch(renderState("login-approval-waiting-code"), /http-equiv="refresh"/);
    const page = await open(context, "login-approval-waiting-code");
    assert.ok(await page.getByRole("link", { name: "Check again" }).isVisible());
    await page.close();
  });

  it("buttons that need a script are not there", async () => {
    const codes = await open(context, "recovery-codes-shown");
    assert.equal(await codes.getByRole("button", { name: "Copy" }).isVisible(), false);
    const form = await open(context, "login");
    assert.equal(await form.getByRole("button", { name: "Show" }).isVisible(), false);
  });

  it("the error summary has the focus", async () => {
    const page = await open(context, "register-errors");
    assert.ok((await page.locator(".summary:focus").count()) === 1);
    await page.close();
  });
});
