import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { hashSecret, newSecret } from "../../src/domain/secrets.js";
import type { Middleware } from "../../src/http/context.js";
import { cookieName, setCookie } from "../../src/http/cookies.js";
import { giveKnownKey, knownKey } from "../../src/http/known-browser.js";
import { browserVisit } from "../../src/http/middleware/visit.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { serveMiddleware } from "./middleware-app.js";

/** A sign-in of `?account=`, and the key by which the account knew the browser before. */
const signIn: Middleware = (ctx) => {
  const account = String(ctx.query["account"]);
  ctx.body = knownKey(ctx, account) ?? "";
  if (ctx.query["look"] !== undefined) return;
  for (const name of ["session", "attempt", "step-up"]) setCookie(ctx, name, newSecret());
  if (ctx.query["old"] === undefined) giveKnownKey(ctx, account, account.padEnd(43, "k"));
  else setCookie(ctx, `known-${hashSecret(account).slice(0, 10)}`, "a former key");
};
const app = await serveMiddleware({ after }, [browserVisit(), signIn], { isHttps: true });

const keyOf = async (browser: Browser, account: string): Promise<string> =>
  (await browser.get(`/?account=${account}&look`)).body;
const headerOf = (browser: Browser): string => Array.from(browser.cookies, (pair) => pair.join("=")).join("; ");

describe("K20 P8 the browser that accounts know", () => {
  it("brings less than 4 KB of cookies after sixty accounts, and is known to the newest", async () => {
    const browser = openBrowser(app.origin);
    for (let account = 1; account <= 60; account += 1) await browser.get(`/?account=person${account}`);
    assert.ok(headerOf(browser).length < 4096, `${headerOf(browser).length} bytes`);
    for (const account of ["person60", "person59", "person21"])
      assert.match(await keyOf(browser, account), /^person\d+k+$/);
    assert.equal(await keyOf(browser, "person20"), "");
  });

  it("is known to an account for as long as that is used, however many others come", async () => {
    const browser = openBrowser(app.origin);
    for (let account = 1; account <= 60; account += 1) {
      await browser.get("/?account=owner");
      await browser.get(`/?account=person${account}`);
    }
    assert.match(await keyOf(browser, "owner"), /^owner/);
  });

  it("has the cookies of a former release taken up, and needs them no more", async () => {
    const browser = openBrowser(app.origin);
    for (const account of ["maria", "john"]) await browser.get(`/?account=${account}&old`);
    assert.equal(await keyOf(browser, "maria"), "a former key");
    await browser.get("/?account=nora");
    assert.deepEqual(
      [...browser.cookies.keys()].filter((name) => /known-/.test(name)),
      [],
    );
    for (const account of ["maria", "john"]) assert.equal(await keyOf(browser, account), "a former key");
  });

  it("is known to nobody by a cookie that was changed or is of another account", async () => {
    const browser = openBrowser(app.origin);
    await browser.get("/?account=maria");
    assert.equal(await keyOf(browser, "john"), "");
    const name = cookieName("known", true);
    browser.cookies.set(name, (browser.cookies.get(name) ?? "").replace(/^.{10}/, hashSecret("john").slice(0, 10)));
    assert.equal(await keyOf(browser, "john"), "");
  });
});
