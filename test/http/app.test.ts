import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import Router from "@koa/router";
import Keygrip from "keygrip";

import type { StoredSession } from "../../src/domain/session.js";
import { createApp } from "../../src/http/app.js";
import type { RequestState } from "../../src/http/context.js";
import type { HttpDeps } from "../../src/http/deps.js";
import type { Health } from "../../src/http/routes/health.js";
import { newTally } from "../../src/http/tally.js";
import { loadTexts } from "../../src/http/text.js";
import { nunjucksViews } from "../../src/http/views.js";

const KEY = "a key of this test";
const KEY_OF_SESSION = "an id of this test";
const LAG_MS = 150;
const hour = new Date(Date.now() + 3_600_000);

/** A session of somebody who must have a new password first; the rest of the database answers nothing. */
const session: StoredSession = {
  ...{ id: "s", keyHash: "", subscriberId: "a", level: 1, epoch: 1, browserLabel: "", address: "", challengeId: null },
  ...{ isRemembered: false, passwordAt: new Date(), createdAt: new Date(), seenAt: new Date(), data: "{}" },
  ...{ idleUntil: hour, expiresAt: hour, signInId: "s", methods: ["pwd"], authenticatedAt: new Date() },
};
const texts = loadTexts(["en"]);
const deps = {
  now: () => new Date(),
  log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  tally: newTally(),
  texts,
  views: nunjucksViews("Countersign", [KEY], texts),
  providers: {},
  sessions: { load: () => Promise.resolve(session) },
  subscribers: { find: () => Promise.resolve({ id: "a", username: "ann", mustChangePassword: true }) },
  settings: { sessionIdleSeconds: 3600 },
  streams: { size: 0 },
  passwords: { waiting: () => 0 },
  http: {
    ...{ publicUrl: "http://localhost:3000", isHttps: false, isProduction: false, trustedProxies: 0 },
    ...{ sessionKeys: [KEY], limits: { loopLagShedMs: LAG_MS } },
  },
} as unknown as HttpDeps;

let isOpen = true;
const health = {
  isOpen: () => isOpen,
  isDraining: () => false,
  queueMetrics: () => Promise.resolve(""),
  mailMetrics: () => Promise.resolve(""),
  movers: () => Promise.resolve(null),
  pollsLateMs: () => Promise.resolve(null),
  database: () => Promise.resolve(true),
  redis: () => Promise.resolve(true),
} as unknown as Health;
const calls = new Router<RequestState>();
calls.post("/webhooks/somebody", (ctx) => {
  ctx.body = "taken";
});

const server = createApp(deps, health, [calls]).listen(0, "127.0.0.1");
await once(server, "listening");
after(() => server.close());
const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
const cookies = [`countersign-session=${KEY_OF_SESSION}`];
cookies.push(`countersign-session.sig=${new Keygrip([KEY], "sha256").sign(cookies[0] ?? "")}`);

const send = (method: string, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(origin + path, { method, headers: { accept: "text/html", ...headers }, redirect: "manual" });
const signedIn = (path: string): Promise<Response> => send("GET", path, { cookie: cookies.join("; ") });

describe("the routes of the application", () => {
  it("B2: begin nothing new while the event loop is late, and finish what is under way", async (t) => {
    const isShed = async (path: string): Promise<boolean> => (await send("POST", path)).status === 503;
    const until = async (wanted: boolean): Promise<void> => {
      for (let tries = 0; (await isShed("/login")) !== wanted; tries += 1) {
        assert.ok(tries < 300, wanted ? "nothing is refused" : "everything is refused");
        await wait(100);
      }
    };
    await until(false); // the machine itself may be late
    const late = setInterval(() => {
      const busyUntil = performance.now() + 1.5 * LAG_MS;
      while (performance.now() < busyUntil);
    }, 1);
    t.after(() => clearInterval(late));
    await until(true);
    const begins = ["/login", "/register", "/account/password", "/account/two-factor/registration"];
    const goesOn = ["/login/approval/finish", "/login/code", "/account/approval/finish", "/webhooks/somebody"];
    assert.deepEqual(await Promise.all([...begins, ...goesOn].map(isShed)), [
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    assert.equal((await send("GET", "/login")).status, 200, "pages are shown");
    clearInterval(late);
    await until(false); // and it begins again when it has caught up
  });

  it("lead back from an error to the request that waits, and else to the start", async () => {
    const wayOn = async (path: string): Promise<string | undefined> =>
      /<a class="button" href="([^"]*)"/.exec(await (await send("POST", path)).text())?.[1];
    assert.equal(await wayOn("/login/approval/resend"), "/login/approval");
    assert.equal(await wayOn("/login/code"), "/login/approval");
    assert.equal(await wayOn("/account/approval/finish"), "/account/approval");
    assert.equal(await wayOn("/account/approval"), "/", "not to the page itself");
    assert.equal(await wayOn("/login"), "/");
    assert.equal(await wayOn("/nowhere"), "/");
  });

  it("lead whoever must have a new password to that page, and let its own pages be", async () => {
    const elsewhere = async (path: string): Promise<string | null> => (await signedIn(path)).headers.get("location");
    for (const path of ["/account", "/account/sessions", "/account/two-factor", "/account/recovery-codes"])
      assert.equal(await elsewhere(path), "/account/password", path);
    for (const path of ["/account/password", "/account/approval"])
      assert.notEqual(await elsewhere(path), "/account/password", path);
  });

  it("lead whoever is not signed in to the sign-in from every page of an account", async () => {
    for (const path of [
      "/account",
      "/account/activity",
      "/account/two-factor",
      "/account/password",
      "/account/approval",
    ])
      assert.equal((await send("GET", path)).headers.get("location"), `/login?next=${encodeURIComponent(path)}`);
  });

  it("lead a form's address, and that of password managers, to its page", async () => {
    for (const [path, page] of [
      ["/.well-known/change-password", "/account/password"],
      ["/logout", "/"],
      ["/login/approval/resend", "/login/approval"],
      ["/login/approval/cancel", "/login/approval"],
      ["/login/approval/finish", "/login/approval"],
    ] as const)
      assert.equal((await send("GET", path)).headers.get("location"), page, path);
  });

  it("W24: answer machines with 503 as long as the database was never opened, and say that the process lives", async () => {
    isOpen = false;
    assert.equal((await send("POST", "/webhooks/somebody")).status, 503);
    assert.equal((await send("GET", "/login")).status, 503);
    assert.equal((await send("GET", "/healthz")).status, 200);
    isOpen = true;
    assert.equal((await send("POST", "/webhooks/somebody")).status, 200);
  });

  it("answer another method with 405 and those that they take", async () => {
    const { status, headers } = await send("OPTIONS", "/webhooks/somebody");
    assert.deepEqual([status, headers.get("allow")], [200, "POST"]);
    assert.equal((await send("PUT", "/login")).status, 405);
  });

  it("count requests by their pattern, also where a guard refused them", async () => {
    isOpen = false;
    await send("POST", "/webhooks/somebody");
    isOpen = true;
    await send("GET", "/nowhere");
    const metrics = await (await send("GET", "/metrics")).text();
    assert.match(metrics, /_count\{route="\/webhooks\/somebody",method="POST",status="503"\} [1-9]/);
    assert.match(metrics, /_count\{route="other",method="GET",status="404"\} [1-9]/);
  });
});
