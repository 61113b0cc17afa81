import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import { Registry } from "prom-client";

import { createApp } from "../../src/http/app.js";
import type { HttpDeps } from "../../src/http/deps.js";
import type { Health } from "../../src/http/routes/health.js";
import { newTally } from "../../src/http/tally.js";
import { loadTexts } from "../../src/http/text.js";
import { nunjucksViews } from "../../src/http/views.js";
import { type Answer, formHeaders, openBrowser } from "../kit/browser.js";

const KEY = "a key of this test";
const asked: string[] = [];
const texts = loadTexts(["en"]);
const deps = {
  now: () => new Date(),
  log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  tally: newTally(),
  texts,
  views: nunjucksViews("Countersign", [KEY], texts),
  providers: {},
  sessions: { load: () => Promise.resolve(null) },
  attempts: { findByKey: () => Promise.resolve(null) },
  subscribers: {
    findByName(name: string) {
      asked.push(name);
      return Promise.reject(new Error("it went through"));
    },
  },
  rates: { loginsOfAddress: () => Promise.resolve(), logins: () => Promise.resolve() },
  settings: { sessionIdleSeconds: 3600, passwordMinLength: 12, loginFloorMs: 0 },
  http: {
    ...{ publicUrl: "http://localhost:3000", isHttps: false, isProduction: false, trustedProxies: 0 },
    ...{ sessionKeys: [KEY], limits: { loopLagShedMs: 0 } },
  },
} as unknown as HttpDeps;
const health = { isOpen: () => true, isDraining: () => false, registry: new Registry() } as unknown as Health;
const server = createApp(deps, health, []).listen(0, "127.0.0.1");
await once(server, "listening");
after(() => server.close());
const origin = `http://localhost:${(server.address() as AddressInfo).port}`;

const typed = { username: "maria", password: "a password of mine", remember: "on", next: "/account/sessions" };
const tokenIn = ({ body }: Answer): string => /name="csrf" value="([^"]+)"/.exec(body)?.[1] ?? "";

describe("K6 a form whose visit was lost, replaced or never taken", () => {
  it("comes again from each of three tabs that were opened at once, and is taken then", async () => {
    const browser = openBrowser(origin);
    const tabs = await Promise.all([browser, browser, browser].map((each) => each.get("/login")));
    const answers: Answer[] = [];
    for (const tab of tabs) answers.push(await browser.post("/login", { ...typed, csrf: tokenIn(tab) }));
    const again = answers.filter(({ status }) => status === 403);
    assert.equal(again.length, 2, "the browser keeps one visit of the three");
    assert.deepEqual(asked.splice(0), ["maria"]);
    for (const { body } of again) {
      assert.match(body, /name="username"[^>]*value="maria"/);
      assert.match(body, /name="next" value="\/account\/sessions"/);
      assert.match(body, /name="remember" value="on" checked/);
      assert.match(body, /out of date/);
      assert.doesNotMatch(body, /a password of mine/);
    }
    for (const answer of again) await browser.post("/login", { ...typed, csrf: tokenIn(answer) });
    assert.deepEqual(asked.splice(0), ["maria", "maria"]);
  });

  it("says that cookies are needed where none came", async () => {
    const token = tokenIn(await openBrowser(origin).get("/login"));
    for (const [path, fields] of [
      ["/login", typed],
      ["/register", { username: "maria", email: "maria@example.com", password: "a password of mine" }],
      ["/login/approval/finish", { match_code: "123456" }],
      ["/account/password", { current_password: "a", password: "b" }],
    ] as const) {
      const { status, body } = await openBrowser(origin).post(path, { ...fields, csrf: token });
      assert.equal(status, 403, path);
      assert.match(body, /This site needs cookies/, path);
      assert.match(body, /<form method="post" action="\/(login|register)"/, path);
      assert.doesNotMatch(body, /a password of mine/);
    }
    assert.deepEqual(asked, []);
  });

  it("comes with an address too, where an account is opened", async () => {
    const browser = openBrowser(origin);
    await browser.get("/register");
    const form = { username: "maria", email: "maria@example.com", password: "a password of mine", csrf: "stale" };
    const { body } = await browser.post("/register", form);
    assert.match(body, /name="email"[^>]*value="maria@example.com"/);
  });

  it("shows nothing of what is no plain text, and nothing at all to another site", async () => {
    const browser = openBrowser(origin);
    await browser.get("/login");
    const twice = await browser.send("POST", "/login", {
      body: "username=a&username=b&next=%00&csrf=x",
      headers: formHeaders(origin),
    });
    assert.equal(twice.status, 403);
    assert.match(twice.body, /name="username"[^>]*value=""/);
    const foreign = { ...formHeaders(origin), origin: "https://evil.example", "sec-fetch-site": "cross-site" };
    const { status, body } = await browser.send("POST", "/login", { body: "username=maria", headers: foreign });
    assert.equal(status, 403);
    assert.doesNotMatch(body, /name="username"|maria/);
  });
});
