import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { launchBrowser } from "../../kit/chromium.js";
import { PAGE_STATES } from "./states.js";
import { renderState, serveStates } from "./state-server.js";

const browser = await launchBrowser({ after });
const server = await serveStates({ after });

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
    for (const { name } of PAGE_STATES) assert.match(renderState(name), /<title>.{4,} · Acme<\/title>/, name);
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
  let page: Page;
  before(async () => {
    page = await browser.newPage({ javaScriptEnabled: false });
  });

  async function open(name: string): Promise<void> {
    await page.goto(`${server.origin}/states/${name}`);
  }

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
    await open("login-approval-waiting");
    assert.ok(await page.getByRole("button", { name: "I have approved it" }).isVisible(), "no such button");
  });

  it("the approved page offers a button that goes on", async () => {
    for (const [name, label] of [
      ["login-approval-approved", "Sign in"],
      ["approval-approved", "Go on"],
    ] as const) {
      await open(name);
      assert.ok(await page.getByRole("button", { name: label }).isVisible(), `no button "${label}"`);
    }
  });

  it("a half-typed code is not reloaded away; a button looks again", async () => {
    assert.doesNotMatch(renderState("login-approval-waiting-code"), /http-equiv="refresh"/);
    await open("login-approval-waiting-code");
    assert.ok(await page.getByRole("link", { name: "Check again" }).isVisible(), "no such link");
  });

  it("buttons that need a script are not there", async () => {
    await open("recovery-codes-shown");
    assert.equal(await page.getByRole("button", { name: "Copy" }).isVisible(), false);
    await open("login");
    assert.equal(await page.getByRole("button", { name: "Show" }).isVisible(), false);
  });

  it("the error summary has the focus", async () => {
    await open("register-errors");
    assert.equal(await page.locator(".summary:focus").count(), 1);
  });
});
