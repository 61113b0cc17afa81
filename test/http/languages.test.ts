import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { LANGUAGES } from "../../src/domain/language.js";
import { pushText } from "../../src/domain/push-text.js";
import { acceptedLanguage } from "../../src/http/locale.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { serveApplication } from "./served-application.js";

const PASSWORD = "tram lemon orbit quietly";
const GERMAN = { "accept-language": "de-AT,de;q=0.9,en;q=0.5" };

const { origin, deps } = await serveApplication({ after });

/** The language of a page, as its root says it. */
async function languageOf(browser: Browser, path: string, headers: Record<string, string> = {}): Promise<string> {
  const { body, status } = await browser.get(path, headers);
  assert.ok(status < 500, body);
  return /<html lang="(.+?)" dir="(?:ltr|rtl)">/.exec(body)?.[1] ?? "none";
}

async function register(browser: Browser, username: string, headers: Record<string, string> = {}): Promise<void> {
  const form = { username, email: `${username}@example.com`, password: PASSWORD };
  assert.equal((await browser.post("/register", form, headers)).status, 303);
}

describe("the language of a page", () => {
  it("is the most wanted of those that are offered, and its direction with it", async () => {
    const browser = openBrowser(origin);
    const { body } = await browser.get("/login", GERMAN);
    assert.match(body, /<html lang="de" dir="ltr">/);
    assert.match(body, /<h1>Anmelden<\/h1>/);
    assert.match(
      (await browser.get("/login", { "accept-language": "fr,ar;q=0.5" })).body,
      /<html lang="ar" dir="rtl">/,
    );
    assert.equal(await languageOf(browser, "/login"), "en");
    assert.equal(await languageOf(browser, "/nowhere", GERMAN), "de");
  });

  it("L5 languages: is English for an unknown or hostile Accept-Language, unless a valid part names a language", async () => {
    const browser = openBrowser(origin);
    for (const header of [
      "*",
      "de;q=9",
      "de;q=0",
      "fr",
      "de_AT",
      "deutsch",
      "de;q=0.9999",
      ",;=",
      "de-",
      "x".repeat(15_000),
    ])
      assert.equal(await languageOf(browser, "/", { "accept-language": header }), "en", header.slice(0, 20));
    for (const header of ["de;q=9, es", "*, es;q=0.1", "x".repeat(14_000) + ",es", `${"a,".repeat(7000)}es;q=0.001`])
      assert.equal(await languageOf(browser, "/", { "accept-language": header }), "es", header.slice(0, 20));
  });

  it("L5 languages: costs nothing to find in 15 KB of whatever", () => {
    for (const part of ["a-", ";q=", "de;q=0.1,", "*,", " ", "-", "a-b;q=1;"]) {
      const header = part.repeat(Math.floor(15_000 / part.length));
      const from = performance.now();
      acceptedLanguage(header, LANGUAGES);
      assert.ok(performance.now() - from < 250, `${part} took ${performance.now() - from} ms`);
    }
  });

  it("is the one that was chosen in the foot, which leads back to the page", async () => {
    const browser = openBrowser(origin);
    const page = await browser.visit("/login?next=%2Faccount%2Fsessions");
    const chosen = await browser.submit(page, "/language", { language: "es" });
    assert.equal(chosen.url.pathname + chosen.url.search, "/login?next=%2Faccount%2Fsessions");
    assert.equal(chosen.html.querySelector("html")?.getAttribute("lang"), "es");
    assert.equal(await languageOf(browser, "/", GERMAN), "es");
    assert.equal(chosen.html.querySelector("footer [aria-current]")?.text, "Español");
  });

  it("is chosen with this visit's token alone, among those that are offered, and leads nowhere else", async () => {
    const browser = openBrowser(origin);
    await browser.get("/");
    assert.equal((await browser.post("/language", { language: "de", csrf: "another" })).status, 403);
    assert.equal((await browser.post("/language", { language: "xx" })).status, 400);
    assert.equal((await browser.post("/language", { language: "en-XA" })).status, 400);
    assert.equal(await languageOf(browser, "/"), "en");
    const away = await browser.post("/language", { language: "de", next: "//evil.example/" });
    assert.deepEqual([away.status, away.location], [303, "/"]);
    assert.equal((await browser.get("/language")).location, "/");
  });

  it("is the account's while signed in: the one it was registered in until the person chooses", async () => {
    const browser = openBrowser(origin);
    await register(browser, "greta", GERMAN);
    assert.equal((await deps.subscribers.findByName("greta"))?.language, "de");
    assert.equal(await languageOf(browser, "/account", { "accept-language": "es" }), "de");
    await browser.post("/language", { language: "ar", next: "/account" });
    assert.equal((await deps.subscribers.findByName("greta"))?.language, "ar");

    const elsewhere = openBrowser(origin);
    await elsewhere.get("/");
    await elsewhere.post("/language", { language: "es" });
    await elsewhere.post("/login", { username: "greta", password: PASSWORD });
    assert.equal(await languageOf(elsewhere, "/account"), "ar", "the account's choice wins over the cookie");
    await elsewhere.post("/logout");
    assert.equal(await languageOf(elsewhere, "/login"), "es");
  });

  it("is the browser's for an account that was opened before there was a choice", async () => {
    const browser = openBrowser(origin);
    await register(browser, "older");
    const { id } = (await deps.subscribers.findByName("older"))!;
    await deps.subscribers.chooseLanguage(id, null);
    assert.equal(await languageOf(browser, "/account", GERMAN), "de");
  });

  it("is the account's in pushes and messages, while the names of a push's details stay", () => {
    const attempt = {
      purpose: "sign-in",
      address: "203.0.113.9",
      browserLabel: "Firefox on Linux",
      application: null,
    } as const;
    const push = pushText(deps.pushWords("de"), attempt, "greta", "Example", new Date(0), "123456");
    assert.equal(push.message, "Bei Example anmelden?");
    assert.deepEqual(Object.keys(push.details), ["Account", "From", "Browser", "Time", "Code"]);
    assert.equal(push.details["Browser"], "Firefox unter Linux");
    const event = { at: new Date(0), detail: "", address: "203.0.113.9", browserLabel: "Firefox on Linux" } as const;
    const mail = deps.mail?.compose(
      { id: "m", kind: "new-browser", recipient: "greta@example.com", detail: "" },
      { ...event, kind: "signed-in", subscriberId: "x" },
      { username: "greta", language: "de", timeZone: "Europe/Berlin" },
      "https://example.com/not-me/x",
    );
    assert.match(mail?.text ?? "", /^Guten Tag greta,/);
    assert.match(mail?.html ?? "", /<html lang="de" dir="ltr">/);
    assert.match(mail?.text ?? "", /Firefox unter Linux, 203\.0\.113\.9/);
    assert.match(mail?.text ?? "", /^Wann: 1\. Januar 1970 um 01:00 MEZ$/m);
  });

  it("L7 languages: a message tells times in UTC where this machine does not know the account's zone", () => {
    const mail = deps.mail?.compose(
      { id: "m", kind: "new-browser", recipient: "greta@example.com", detail: "" },
      { at: new Date(0), kind: "signed-in", subscriberId: "x", detail: "", address: "", browserLabel: "" },
      { username: "greta", language: "de", timeZone: "Atlantis/Sunken" },
      "https://example.com/not-me/x",
    );
    assert.match(mail?.text ?? "", /^Wann: 1\. Januar 1970 um 00:00 UTC$/m);
  });

  it("L7 languages: a message tells times in the zone of the browser that is signed in, which is kept if it is one", async () => {
    const browser = openBrowser(origin);
    const kept = async () => (await deps.subscribers.findByName("zoe"))?.timeZone;
    browser.cookies.set("countersign-time-zone", "Asia/Kathmandu");
    await register(browser, "zoe");
    assert.equal(await kept(), "Asia/Kathmandu");
    for (const zone of ["Atlantis/Sunken", "", "Europe/Berlin<b>", "+05:30", "../etc/passwd", `${"a/".repeat(60)}a`]) {
      browser.cookies.set("countersign-time-zone", zone);
      assert.equal((await browser.get("/account")).status, 200);
      assert.equal(await kept(), "Asia/Kathmandu", zone);
    }
    browser.cookies.set("countersign-time-zone", "America/Argentina/Buenos_Aires");
    await browser.get("/account");
    assert.equal(await kept(), "America/Argentina/Buenos_Aires");
    await browser.post("/logout");
    browser.cookies.set("countersign-time-zone", "UTC");
    await browser.get("/login");
    assert.equal(await kept(), "America/Argentina/Buenos_Aires", "nobody is signed in");
  });

  it("is kept by no cache: every page says no-store, so that no answer need say what it varies by", async () => {
    const browser = openBrowser(origin);
    await register(browser, "cached");
    for (const path of ["/", "/login", "/register", "/account", "/password/reset", "/nowhere"])
      assert.match((await browser.get(path)).headers["cache-control"] ?? "", /no-store/, path);
  });
});
