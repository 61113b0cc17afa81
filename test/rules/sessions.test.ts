import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { type Browser, openBrowser } from "../kit/browser.js";
import { enrol, isSignedIn, register } from "../kit/people.js";
import { startProgram } from "../kit/program.js";
import { setBack } from "../kit/rows.js";
import { until } from "../kit/until.js";

const program = await startProgram(
  { after },
  {
    workers: 0,
    env: {
      FRESH_PASSWORD_SECONDS: "300",
      SESSION_IDLE_SECONDS: "600",
      SESSION_MAX_SECONDS: "2400",
      REMEMBER_DAYS: "1",
    },
  },
);
const SESSION = "countersign-session";

describe("sessions", () => {
  const idOf = (browser: Browser): string => browser.cookies.get(SESSION) ?? "";
  const rowOf = (id: string) =>
    program.rows.one("SELECT * FROM sessions WHERE key_hash = ?", createHash("sha256").update(id).digest("base64url"));
  /** Lets a session grow older by so much, and nothing else. */
  function letPass(browser: Browser, seconds: number): void {
    const times = setBack(seconds, "password_at", "created_at", "seen_at", "idle_until", "expires_at");
    const key = createHash("sha256").update(idOf(browser)).digest("base64url");
    program.rows.run(`UPDATE sessions SET ${times} WHERE key_hash = ?`, key);
  }

  const hasOpenStream = async (site: string): Promise<boolean> =>
    /^open_event_streams [1-9]/m.test((await openBrowser(site).get("/metrics")).body);

  it("S1 gives a new id after the password, the phone, a step-up and at logout; the old one is dead", async () => {
    const person = await enrol(program);
    const ids = [idOf(person.browser)];
    await person.browser.post("/logout");
    ids.push(idOf(person.browser));
    await person.signIn();
    ids.push(idOf(person.browser));
    await person.stepUp("change-password");
    ids.push(idOf(person.browser));
    assert.equal(new Set(ids).size, ids.length);
    // A step-up gives the same session another id: then no row has the old one any more.
    for (const id of ids.slice(0, -1)) assert.notEqual(rowOf(id)?.["ended_at"], null, `${id} lives`);
    assert.equal(rowOf(ids.at(-1) ?? "")?.["ended_at"], null);
  });

  it("S1 signs nobody in through an id or an attempt that somebody else planted", async () => {
    const person = await enrol(program);
    const thief = program.openBrowser();
    await thief.get("/login");
    const victim = thief.copy();
    await person.signIn(victim);
    assert.equal(await isSignedIn(victim), true);
    assert.equal(await isSignedIn(thief), false);
    await thief.post("/login/approval/finish");
    assert.equal(await isSignedIn(thief), false);
  });

  it("S2 kills a session on the server, in all processes, and closes its streams at once", async () => {
    // Its next look at all streams is far away: only the notification can end one.
    const second = await program.startWeb({ STREAM_REREAD_MS: "3600000" });
    const person = await register(program);
    const elsewhere = person.browser.copy(second.site);
    assert.equal(await isSignedIn(elsewhere), true);
    await person.browser.post("/account/two-factor/registration");
    const { body } = await person.browser.get("/account/two-factor/registration");
    const events = /data-events="([^"]+)"/.exec(body)?.[1] ?? "";
    const stream = elsewhere.get(events); // ends when the server ends it
    await until(() => hasOpenStream(second.site), "the stream was not opened");
    const copy = person.browser.copy();
    await person.browser.post("/logout");
    const closed = await Promise.race([stream, delay(20_000, null, { ref: false })]);
    assert.ok(closed !== null, "the stream outlived its session");
    assert.equal(closed.status, 200);
    assert.match(closed.body, /^event: status$/m);
    assert.equal(await isSignedIn(copy), false);
    assert.equal(await isSignedIn(elsewhere), false);
  });

  it("S3 lets no request in flight bring a session back", async () => {
    const person = await register(program);
    const copy = person.browser.copy();
    await copy.token();
    for (let round = 0; round < 5; round += 1) {
      const flights = Array.from({ length: 8 }, () => copy.copy().post("/account/two-factor/disable"));
      await Promise.all([person.browser.post("/logout"), ...flights]);
      assert.equal(await isSignedIn(copy), false);
      await person.login();
      for (const [name, value] of person.browser.cookies) copy.cookies.set(name, value);
    }
    const raised = program.rows.count(
      "SELECT count(*) FROM sessions WHERE subscriber_id = ? AND ended_at IS NULL",
      person.id,
    );
    assert.equal(raised, 1);
  });

  it("S4 keeps who is signed in out of reach of what a session carries", async () => {
    const person = await register(program);
    const before = rowOf(idOf(person.browser));
    await person.browser.post("/account/two-factor/disable"); // leaves a message in the session
    await person.browser.get("/account");
    const row = rowOf(idOf(person.browser));
    for (const column of ["subscriber_id", "level", "epoch", "password_at", "expires_at"])
      assert.equal(row?.[column], before?.[column], column);
    assert.doesNotMatch(String(row?.["data"]), /subscriber|level|epoch/);
  });

  it("S5 ends the other sessions when the phone or the password changes", async () => {
    const person = await enrol(program);
    const other = program.openBrowser();
    await person.signIn(other);
    await person.stepUp("disable-two-factor");
    assert.equal((await person.browser.post("/account/two-factor/disable")).location, "/account/two-factor");
    assert.equal(await isSignedIn(other), false);
    assert.equal(await isSignedIn(person.browser), true);
  });

  it("S6 S9 gives 256 random bits in an HttpOnly, SameSite cookie and keeps the hash alone", async () => {
    const person = await register(program);
    const id = idOf(person.browser);
    assert.equal(Buffer.from(id, "base64url").length, 32);
    assert.equal(program.rows.count("SELECT count(*) FROM sessions WHERE key_hash = ? OR id = ?", id, id), 0);
    assert.notEqual(rowOf(id), undefined);
    const browser = program.openBrowser();
    const reply = await person.login(browser);
    for (const cookie of reply.headers["set-cookie"] ?? []) {
      assert.match(cookie, /; httponly/i);
      assert.match(cookie, /; samesite=lax/i);
      assert.match(cookie, /; path=\/(;|$)/i);
    }
  });

  it("S6 uses __Host- names and Secure under https, without a Domain", async () => {
    const web = await program.startWeb({ PUBLIC_URL: "https://login.example.com" });
    const browser = openBrowser(`http://127.0.0.1:${web.port}`);
    const { headers } = await browser.get("/login", { host: "login.example.com" });
    const cookies = headers["set-cookie"] ?? [];
    assert.equal(cookies.length > 0, true);
    for (const cookie of cookies) {
      assert.match(cookie, /^__Host-countersign-/);
      assert.match(cookie, /; secure/i);
      assert.doesNotMatch(cookie, /; domain/i);
    }
    assert.equal(headers["strict-transport-security"], "max-age=31536000");
  });

  it("S7 ends an idle session, and polls are no activity", async () => {
    const person = await register(program);
    const { browser } = person;
    await browser.post("/account/two-factor/registration");
    const { body } = await browser.get("/account/two-factor/registration");
    const id = /data-challenge-id="([^"]+)"/.exec(body)?.[1] ?? "";
    for (let times = 0; times < 2; times += 1) {
      letPass(browser, 250);
      assert.equal((await browser.get(`/challenges/${id}`, { accept: "application/json" })).status, 200);
    }
    letPass(browser, 100);
    assert.equal(await isSignedIn(browser), false, "polls keep nothing alive");
  });

  it("S7 keeps an active session to its own end and no longer", async () => {
    const person = await register(program);
    const { browser } = person;
    for (const seconds of [500, 500, 500, 500, 200]) {
      letPass(browser, seconds);
      assert.equal(await isSignedIn(browser), true, "it was used within the idle limit");
    }
    letPass(browser, 200);
    assert.equal(await isSignedIn(browser), false);
  });

  it("S7 lets a remembered session live on without activity, to its own end", async () => {
    const person = await register(program);
    const browser = program.openBrowser();
    await person.login(browser, { remember: "1" });
    letPass(browser, 300);
    assert.equal(await isSignedIn(browser), true); // a visit that would renew an idle limit
    letPass(browser, 82_000);
    assert.equal(await isSignedIn(browser), true);
    letPass(browser, 4100);
    assert.equal(await isSignedIn(browser), false);
  });

  it("S10 takes a new key without signing anybody out", async () => {
    const person = await register(program);
    const former = program.env["SESSION_KEYS"] ?? "";
    const web = await program.startWeb({
      SESSION_KEYS: `a-new-key-0123456789-0123456789-ab,${former}`,
    });
    const browser = person.browser.copy(web.site);
    assert.equal(await isSignedIn(browser), true);
    const foreign = await program.startWeb({ SESSION_KEYS: "a-third-key-0123456789-0123456789-a" });
    assert.equal(await isSignedIn(person.browser.copy(foreign.site)), false);
  });

  it("S12 stores nothing for an anonymous GET", async () => {
    const count = (): number =>
      program.rows.count("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM attempts)");
    const before = count();
    for (const path of ["/", "/login", "/register", "/account", "/login/approval", "/nowhere", "/challenges/x/events"])
      await program.openBrowser().get(path);
    assert.equal(count(), before);
  });

  it("S14 keeps cookies and security headers on errors of every kind", async () => {
    for (const [method, path] of [
      ["GET", "/nowhere"],
      ["POST", "/login"],
      ["DELETE", "/login"],
      ["GET", "/challenges/nobody-has-this-one"],
      ["POST", "/webhooks/authy/onetouch"],
    ] as const) {
      const { status, headers } = await program.openBrowser().send(method, path);
      assert.equal(status >= 400, true);
      assert.match(String(headers["content-security-policy"]), /default-src 'none'/, path);
      if (!path.startsWith("/webhooks")) assert.equal((headers["set-cookie"] ?? []).length > 0, true, path);
    }
  });

  it("S15 R1 asks for the password again before a phone is bound, once it is older than the limit", async () => {
    const person = await register(program);
    const { browser } = person;
    letPass(browser, 301);
    const path = "/account/two-factor/registration";
    assert.equal((await browser.post(path)).status, 422);
    assert.equal((await browser.post(path, { password: "not it" })).status, 422);
    assert.equal((await browser.get(`${path}/qrcode.svg`)).status, 404);
    assert.equal((await browser.post(path, { password: person.password })).location, path);
    assert.equal((await browser.get(`${path}/qrcode.svg`)).status, 200);
  });

  it("S2 lets the owner see and revoke sessions, and nobody else's", async () => {
    const [person, other] = [await register(program), await register(program)];
    const second = program.openBrowser();
    await person.login(second);
    const { body } = await person.browser.get("/account/sessions");
    const ids = [...body.matchAll(/\/account\/sessions\/([\w-]+)\/revoke/g)].map(([, id]) => id ?? "");
    assert.equal(ids.length, 1);
    await other.browser.post(`/account/sessions/${ids[0] ?? ""}/revoke`);
    assert.equal(await isSignedIn(second), true);
    await person.browser.post(`/account/sessions/${ids[0] ?? ""}/revoke`);
    assert.equal(await isSignedIn(second), false);
    const third = program.openBrowser();
    await person.login(third);
    await person.browser.post("/account/sessions/revoke-others");
    assert.equal(await isSignedIn(third), false);
    assert.equal(await isSignedIn(person.browser), true);
  });
});
