import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { after, describe, it } from "node:test";

import { type Answer, formHeaders, openBrowser } from "../kit/browser.js";
import { enrol, isSignedIn, register } from "../kit/people.js";
import { startProgram } from "../kit/program.js";

const program = await startProgram({ after }, { workers: 0, env: { TRUST_PROXY: "2" } });
const { site } = program.web;

const UNSAFE = [
  "/login",
  "/register",
  "/logout",
  "/login/approval/resend",
  "/login/approval/cancel",
  "/login/approval/finish",
  "/login/approval/not-me",
  "/login/code",
  "/login/code/sms",
  "/account/approval",
  "/account/approval/resend",
  "/account/approval/cancel",
  "/account/approval/finish",
  "/account/approval/not-me",
  "/account/approval/code",
  "/account/approval/code/sms",
  "/account/two-factor/registration",
  "/account/two-factor/registration/cancel",
  "/account/two-factor/disable",
  "/account/recovery-codes",
  "/account/password",
  "/account/sessions/x/revoke",
  "/account/sessions/revoke-others",
];

describe("the browser surface", () => {
  it("X1 refuses every change without the form token of this very browser", async () => {
    const person = await register(program);
    const foreign = await program.openBrowser().token();
    for (const to of UNSAFE)
      for (const token of ["", foreign, "x".repeat(43)]) {
        const body = token === "" ? "a=b" : `csrf=${encodeURIComponent(token)}`;
        const reply = await person.browser.send("POST", to, { body, headers: formHeaders(site) });
        assert.equal(reply.status, 403, `${to} ${token}`);
      }
    const twice = await person.browser.send("POST", "/logout", {
      body: `csrf=${await person.browser.token()}&csrf=${await person.browser.token()}`,
      headers: formHeaders(site),
    });
    assert.equal(twice.status, 403);
    assert.equal(await isSignedIn(person.browser), true);
  });

  it("X2 refuses every change that comes from another origin or from nowhere", async () => {
    const person = await register(program);
    const csrf = await person.browser.token();
    const type = { "content-type": "application/x-www-form-urlencoded" };
    for (const headers of [
      {},
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `${site}.evil.example` },
      { origin: site.replace("http:", "https:") },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
      { origin: site, "sec-fetch-site": "cross-site" },
      { origin: "https://evil.example", "sec-fetch-site": "same-origin" },
    ] as Record<string, string>[])
      for (const to of UNSAFE) {
        const { status } = await person.browser.send("POST", to, {
          body: `csrf=${csrf}`,
          headers: { ...type, ...headers },
        });
        assert.equal(status, 403, `${to} ${JSON.stringify(headers)}`);
      }
    for (const headers of [{ origin: site }, { "sec-fetch-site": "same-origin" }] as Record<string, string>[]) {
      const body = `csrf=${csrf}&username=nobody&password=nothing`;
      assert.equal(
        (await person.browser.send("POST", "/login", { body, headers: { ...type, ...headers } })).status,
        422,
      );
    }
  });

  it("X4 changes nothing and sends no push on GET", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    const snapshot = (): string =>
      JSON.stringify([
        program.rows.all("SELECT id, state, version FROM challenges ORDER BY id"),
        program.rows.all("SELECT id, ended_at FROM sessions ORDER BY id"),
        program.rows.all("SELECT id, state FROM attempts ORDER BY id"),
        program.rows.all("SELECT * FROM factors ORDER BY id"),
        program.rows.all("SELECT * FROM recovery_codes ORDER BY id"),
      ]);
    const [before, sent] = [snapshot(), (await program.phone.requests()).length];
    for (const each of [browser, person.browser])
      for (const to of [...UNSAFE, "/", "/account", "/login/approval/not-me"]) await each.get(to);
    assert.equal(snapshot(), before);
    assert.equal((await program.phone.requests()).length, sent);
  });

  it("K18 takes nothing away on HEAD: messages and codes that are shown once are still there", async () => {
    const person = await enrol(program);
    const { browser } = person;
    await person.stepUp("new-recovery-codes", browser);
    await browser.post("/account/sessions/revoke-others");
    await browser.post("/account/recovery-codes");
    for (const page of ["/account/sessions", "/account/recovery-codes", "/account"]) {
      const { status, body } = await browser.send("HEAD", page);
      assert.deepEqual([status, body], [200, ""], page);
    }
    const { body } = await browser.get("/account/recovery-codes");
    assert.match(body, /<code>\w{4}-\w{4}-\w{4}-\w{4}<\/code>/);
    assert.match(body, /You were signed in nowhere else/);
  });

  it("X5 follows a next of this site only", async () => {
    const person = await register(program);
    const hostile = [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "\\\\evil.example",
      "/%5cevil.example/..//x",
      "/..//evil.example",
      "/./\\evil.example",
      "/\t/evil.example",
      "javascript:alert(1)",
      " //evil.example",
      "/a\r\nLocation: https://evil.example",
      "http:evil.example",
      "///evil.example",
      "/@evil.example//",
    ];
    for (const next of hostile) {
      const { location } = await person.login(program.openBrowser(), { next });
      const url = new URL(location, site);
      assert.equal(url.origin, site, next);
      assert.match(location, /^\/(?![/\\])/, next);
    }
    assert.equal(
      (await person.login(program.openBrowser(), { next: "/account/sessions?a=1#b" })).location,
      "/account/sessions?a=1#b",
    );
    const twice = await person.browser.get("/login?next=/account/activity&next=https://evil.example");
    assert.equal(twice.location, "/account");
  });

  it("X6 answers a form that was taken with 303", async () => {
    const person = await register(program);
    assert.equal((await person.browser.post("/account/sessions/revoke-others")).status, 303);
    assert.equal((await person.browser.post("/logout")).status, 303);
    assert.equal((await person.login()).status, 303);
  });

  it("X7 escapes what it shows, and no template switches that off", async () => {
    const payload = `"><script>alert(1)</script>{{7*7}}'`;
    const login = await program.openBrowser().post("/login", { username: payload, password: "x", next: payload });
    const register = await program
      .openBrowser()
      .post("/register", { username: payload, email: payload, password: "x" });
    for (const { body } of [login, register]) {
      assert.doesNotMatch(body, /<script>alert/);
      assert.doesNotMatch(body, />49|"49/);
      assert.match(body, /&quot;&gt;&lt;script&gt;/);
    }
    const views = readdirSync("views", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".njk"));
    for (const name of views) {
      const text = readFileSync(path.join("views", name), "utf8");
      assert.doesNotMatch(text, /\|\s*safe|autoescape|renderString/, name);
      assert.doesNotMatch(text.replace(/="[^"]*"/g, ""), /=\{\{/, `${name} has an attribute without quotes`);
      assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)/, `${name} has a script in the page`);
      assert.doesNotMatch(text, /\son[a-z]+=|\sstyle="|javascript:/i, name);
    }
  });

  it("X8 takes user names from an allow-list", async () => {
    for (const username of [
      "a",
      "-ada",
      "ada lovelace",
      "ada@x",
      "ada<b>",
      "\u0430da",
      "ada\u202e",
      "x".repeat(33),
      "ада",
    ]) {
      const reply = await program
        .openBrowser()
        .post("/register", { username, email: "a@example.com", password: "violet harbour nine" });
      assert.equal(reply.status, 422, username);
    }
  });

  it("X9 X12 sends the security headers with every status, and no CORS header", async () => {
    const person = await register(program);
    const replies: [string, Answer][] = [
      ["200", await program.openBrowser().get("/login")],
      ["200 signed in", await person.browser.get("/account")],
      ["303", await program.openBrowser().get("/account")],
      ["400", await program.openBrowser().post("/login", { username: "a" })],
      ["403", await program.openBrowser().send("POST", "/login")],
      ["404", await program.openBrowser().get("/nowhere", { origin: "https://evil.example" })],
      ["405", await program.openBrowser().send("DELETE", "/login")],
      ["421", await program.openBrowser().get("/login", { host: "evil.example" })],
      ["422", await program.openBrowser().post("/login", { username: "a", password: "b" })],
      ["401", await program.openBrowser().send("POST", "/webhooks/authy/onetouch")],
      ["healthz", await program.openBrowser().get("/healthz")],
      ["asset", await program.openBrowser().get("/assets/site.css")],
      [
        "options",
        await program.openBrowser().send("OPTIONS", "/login", {
          headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
        }),
      ],
    ];
    for (const [what, { headers }] of replies) {
      const csp = String(headers["content-security-policy"]);
      assert.match(csp, /default-src 'none'/, what);
      assert.match(csp, /frame-ancestors 'none'/, what);
      assert.match(csp, /base-uri 'none'/, what);
      assert.match(csp, /form-action 'self'/, what);
      assert.doesNotMatch(csp, /unsafe-|https?:|\*/, what);
      assert.equal(headers["x-content-type-options"], "nosniff", what);
      assert.equal(headers["referrer-policy"], "same-origin", what);
      if (what !== "asset") assert.match(String(headers["cache-control"]), /no-store/, what);
      for (const name of Object.keys(headers))
        assert.doesNotMatch(name, /^access-control|^x-powered-by|^server$/, what);
    }
  });

  it("X13 builds addresses from the configuration only, and answers a foreign Host with 421", async () => {
    for (const host of [
      "evil.example",
      `${new URL(site).host}.evil.example`,
      "localhost@evil.example",
      "127.0.0.1.evil.example",
    ])
      assert.equal((await program.openBrowser().get("/login", { host })).status, 421, host);
    const { body, headers } = await program
      .openBrowser()
      .get("/login", { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" });
    assert.doesNotMatch(body + JSON.stringify(headers), /evil\.example/);
  });

  it("X14 takes the client's address from exactly as many hops as are trusted", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser({ address: "1.1.1.1, 2.2.2.2, 203.0.113.77, 10.0.0.1" });
    await person.login(browser);
    assert.equal((await person.request()).details["From"], "203.0.113.77");
    const plain = await program.startWeb({ TRUST_PROXY: "0" });
    const direct = openBrowser(plain.site, { address: "203.0.113.78" });
    const other = await enrol(program);
    await other.login(direct);
    assert.equal((await other.request()).details["From"], "127.0.0.1");
  });

  it("X15 lets nobody write a header or a line of the log", async () => {
    const marker = "injected-line-4711";
    const browser = program.openBrowser({ userAgent: `Mozilla ${marker}`, address: `203.0.113.9, ${marker}` });
    const replies = [
      await browser.get(`/nowhere%0d%0aSet-Cookie:%20${marker}=1`),
      await browser.get(`/login?next=%0d%0aX-${marker}:1`),
      await browser.post("/login", {
        username: `a\r\n{"msg":"${marker}"}`,
        password: "x",
        next: `/a%0d%0aX-${marker}: 1`,
      }),
    ];
    for (const { headers } of replies)
      assert.equal(
        Object.keys(headers).some((name) => name.includes(marker)),
        false,
      );
    assert.doesNotMatch(JSON.stringify(replies.map(({ headers }) => headers["set-cookie"])), new RegExp(`"${marker}`));
    const lines = program.web.lines;
    assert.equal(
      lines.some((line) => line.msg === marker || line.level === undefined),
      false,
    );
  });

  it("X17 tells nothing about its inside on error pages", async () => {
    const { username } = await register(program);
    program.rows.run("ALTER TABLE audit_events RENAME TO audit_events_away");
    const form = { username, password: "wrong" };
    const { status, body } = await program.openBrowser().post("/login", form);
    program.rows.run("ALTER TABLE audit_events_away RENAME TO audit_events");
    assert.equal(status, 500);
    assert.doesNotMatch(body, /sqlite|typeorm|audit_events|\.js:|at async|Error:/i);
    assert.match(body, /<!doctype html>/i);
  });

  it("X20 needs no script to sign in", async () => {
    const person = await enrol(program);
    const { browser } = person; // known: a page on which a code is typed does not reload
    await browser.post("/logout");
    await person.login(browser);
    const waiting = (await browser.get("/login/approval")).body;
    assert.match(waiting, /http-equiv="refresh"/i);
    assert.match(waiting, /action="\/login\/approval\/finish"/);
    await person.approve(browser);
    assert.equal(await isSignedIn(browser), true);
  });

  it("X17 answers what is no HTTP at all with 400 and goes on", async () => {
    const { port } = new URL(site);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () =>
        socket.write("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: \0\r\n\r\n"),
      );
      let text = "";
      socket.on("data", (part) => (text += String(part)));
      socket.on("close", () => {
        resolve(text);
      });
    });
    assert.match(answer, /^HTTP\/1\.1 400/);
    assert.equal((await program.openBrowser().get("/healthz")).status, 200);
  });
});
