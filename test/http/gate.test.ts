import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, describe, it } from "node:test";

import { disableAccount } from "../../src/domain/administer.js";
import type { Admitted, Application } from "../../src/domain/application.js";
import { addSite, removeSite } from "../../src/domain/manage-applications.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { askGate, type GateAnswer as Answer, PAGE, visitSite, type Visitor } from "../kit/site-visitor.js";
import { serveApplication } from "./served-application.js";

const { origin, deps, database } = await serveApplication({ after });

const visitor = (site: string, gate = origin): Visitor => visitSite(site, gate);

let people = 0;

interface Person {
  readonly browser: Browser;
  readonly id: string;
  readonly name: string;
}

/** A browser that is signed in to us; at level 2 as after an approval. */
async function person(level: 1 | 2 = 2): Promise<Person> {
  const name = `person${++people}`;
  const browser = openBrowser(origin);
  const password = "correct horse battery";
  await browser.submit(await browser.visit("/register"), "/register", {
    ...{ username: name, email: `${name}@example.com`, password },
  });
  const subscriber = await deps.subscribers.findByName(name);
  assert.ok(subscriber);
  if (level === 2) await raise(subscriber.id);
  return { browser, id: subscriber.id, name };
}

async function raise(subscriberId: string): Promise<void> {
  await database.query("UPDATE sessions SET level = 2, methods = 'pwd mca mfa' WHERE subscriber_id = ?", [
    subscriberId,
  ]);
}

let sites = 0;

type Given = Partial<Omit<Application, "groups">> & {
  readonly admitted?: readonly Admitted[];
  readonly publicPaths?: readonly string[];
  readonly allowsPreflight?: boolean;
  readonly isHttps?: boolean;
};

async function aSite(given: Given = {}): Promise<string> {
  const site = `${given.isHttps === false ? "http" : "https"}://app${++sites}.example.org`;
  const { level = 2, maxAgeSeconds = null, admitted = [{ everyone: true }] } = given;
  const { publicPaths = [], allowsPreflight = false } = given;
  const name = `Application ${sites}`;
  await addSite(deps, { origin: site, publicPaths, allowsPreflight }, { name, level, maxAgeSeconds, admitted });
  return site;
}

/** Where an answer of ours leads a browser that is signed in to us, and what the site says to it there. */
async function throughGate(browser: Browser, { location }: Answer): Promise<string> {
  const url = new URL(location);
  assert.equal(url.origin, deps.http.publicUrl);
  const answer = await browser.get(url.pathname + url.search);
  return answer.location;
}

const IDENTITY = ["remote-user", "remote-email", "remote-groups", "remote-subject", "remote-level"];

function identity({ headers }: Answer): unknown[] {
  return IDENTITY.map((name) => headers[name]);
}

describe("the gate", () => {
  it("R21, R24, R30, R54: lets somebody in who is admitted, and comes back to the very page, its query unchanged", async () => {
    const site = await aSite({ admitted: [{ group: "staff" }] });
    const [visit, { browser, id, name }] = [visitor(site), await person()];
    const uri = "/reports/7?q=a%20b&x=1%2B1&y=c+d&z=%26%23%25&empty=";
    const stranger = await visit.ask(uri);
    assert.equal(stranger.status, 302);
    const refused = await browser.get(stranger.location.slice(deps.http.publicUrl.length));
    assert.deepEqual([refused.status, refused.location], [403, ""], "nobody was told to be admitted yet");
    assert.match(refused.body, new RegExp(`Application \\d+ is not open to you[^]*${name}`));
    await deps.memberships.add(id, "staff", new Date());
    await deps.memberships.add(id, "board", new Date());
    const back = await visit.signIn(browser, uri);
    assert.deepEqual([back.status, back.location], [302, site + uri]);
    const passed = await visit.ask(uri);
    assert.deepEqual([passed.status, passed.body], [200, ""]);
    assert.deepEqual(identity(passed), [name, "", "board,staff", id, "2"], "no address that nobody verified");
    await deps.subscribers.noteVerifiedEmail(id, new Date());
    assert.equal((await visit.check(uri)).headers["remote-email"], `${name}@example.com`);
    const lines = [back.headers["set-cookie"]].flat().join("\n");
    assert.match(lines, /^__Host-countersign-gate-[\w-]+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/m);
    await deps.memberships.remove(id, "staff");
    assert.equal((await visit.ask(uri)).status, 403, "R22");
    assert.equal((await visit.check(uri)).status, 403);
  });

  it("R24: takes a site's cookie at that site alone, and no cookie of ours", async () => {
    const [one, other] = [await aSite(), await aSite()];
    const [visit, elsewhere, { browser }] = [visitor(one), visitor(other), await person()];
    await visit.signIn(browser);
    const [key = ""] =
      Array.from(visit.cookies)
        .find(([name]) => /gate-[\w-]+$/.test(name) && !/visit/.test(name))
        ?.slice(1) ?? [];
    await elsewhere.ask("/");
    for (const name of Array.from(elsewhere.cookies.keys())) elsewhere.cookies.set(name.replace("-visit", ""), key);
    assert.equal((await elsewhere.ask("/")).status, 302);
    const us = openBrowser(origin);
    for (const [name, value] of visit.cookies) us.cookies.set(name, value);
    us.cookies.set("countersign-session", key);
    assert.equal((await us.visit("/account")).url.pathname, "/login");
    for (const [name, value] of browser.cookies) elsewhere.cookies.set(name, value);
    assert.equal((await elsewhere.check("/")).status, 401);
  });

  it("R23: never lets a password alone in where a phone is asked for", async () => {
    const [site, easy] = [await aSite(), await aSite({ level: 1 })];
    const { browser, id } = await person(1);
    const visit = visitor(site);
    const url = (await visit.ask("/")).location;
    const page = await browser.get(url.slice(deps.http.publicUrl.length) + "&level=1&acr_values=1");
    assert.deepEqual([page.status, page.location], [200, ""]);
    assert.match(page.body, /asks for more than a password/);
    const atEase = visitor(easy);
    await atEase.signIn(browser);
    assert.deepEqual(identity(await atEase.ask("/")).at(-1), "1");
    // A phone was added meanwhile: the sign-in is as it was, and has to be made again.
    await deps.factors.insert({
      ...{
        id: randomUUID(),
        subscriberId: id,
        type: "totp",
        providerId: randomUUID(),
        label: "",
        createdAt: new Date(),
      },
    });
    const again = await browser.visit(url.slice(deps.http.publicUrl.length));
    assert.equal(again.url.pathname, "/login/again");
    assert.match(again.html.querySelector("[name=next]")?.getAttribute("value") ?? "", /^\/gate\?site=/);
    assert.equal(identity(await atEase.ask("/")).at(-1), "1", "and it ends nothing elsewhere");
  });

  it("R25: takes a ticket once, of 50 at once, for its site, in its browser and in time", async () => {
    const [site, other] = [await aSite(), await aSite()];
    const { browser } = await person();
    const visit = visitor(site);
    const asked = await visit.ask("/");
    const ticketOf = async () => {
      const back = new URL(await throughGate(browser, asked));
      return back.pathname + back.search;
    };
    const uri = await ticketOf();
    const cookies = new Map(visit.cookies);
    const tabs = Array.from({ length: 50 }, () => {
      const tab = visitor(site);
      for (const [name, value] of cookies) tab.cookies.set(name, value);
      return tab;
    });
    const answers = await Promise.all(tabs.map((tab) => tab.ask(uri)));
    assert.equal(answers.filter(({ status }) => status === 302).length, 1);
    assert.equal(answers.filter(({ status }) => status === 403).length, 49);

    const foreign = visitor(site);
    await foreign.ask("/");
    const stolen = await ticketOf();
    const back = await foreign.ask(stolen);
    assert.deepEqual(
      [back.status, back.location],
      [302, `${site}/.countersign/start?to=%2F&again=1`],
      "once, by itself",
    );
    const again = await foreign.ask(`${stolen}&again=1`);
    assert.equal(again.status, 403);
    assert.match(again.body, /That did not work[^]*href="\/\.countersign\/start\?to=%2F"/);
    const elsewhere = visitor(other);
    elsewhere.cookies.set(Array.from(cookies.keys())[0] ?? "", Array.from(cookies.values())[0] ?? "");
    assert.equal((await elsewhere.ask(stolen)).status, 403, "at another site");
    const late = await ticketOf();
    await database.query("UPDATE gate_tickets SET expires_at = '2000-01-01 00:00:00.000' WHERE used_at IS NULL");
    const fresh = visitor(site);
    for (const [name, value] of cookies) fresh.cookies.set(name, value);
    assert.equal((await fresh.ask(late)).status, 403, "too late");
  });

  it("R26, R33: redirects to no origin that nobody added, whatever is asked, and takes its own from PUBLIC_URL", async () => {
    const site = await aSite();
    const { browser } = await person();
    const visit = "a".repeat(43);
    for (const strange of [
      "https://evil.example",
      `${site}.evil.example`,
      `${site}@evil.example`,
      "//evil.example",
      "",
      site.replace("https", "http"),
    ]) {
      const answer = await browser.get(`/gate?site=${encodeURIComponent(strange)}&visit=${visit}&to=/`);
      assert.deepEqual([answer.status, answer.location], [404, ""], strange);
      const stranger = await openBrowser(origin).get(`/gate?site=${encodeURIComponent(strange)}&visit=${visit}`);
      assert.deepEqual([stranger.status, stranger.location], [404, ""], strange);
    }
    const unknown = await visitor("https://unknown.example.org").ask("/");
    assert.deepEqual([unknown.status, unknown.location], [403, ""]);
    assert.equal((await visitor("https://unknown.example.org").check("/")).status, 403);
    for (const to of ["//evil.example/", "/\\evil.example", "https://evil.example", "/.countersign/start"]) {
      const back = await browser.get(
        `/gate?site=${encodeURIComponent(site)}&visit=${visit}&to=${encodeURIComponent(to)}`,
      );
      assert.equal(new URL(back.location).origin, site);
      const passed = await visitor(site).ask(`/.countersign/callback?ticket=x&to=${encodeURIComponent(to)}`);
      assert.doesNotMatch(passed.body + passed.location, /evil/);
    }
    const asked = await visitor(site).ask("/", {
      ...PAGE,
      "x-original-url": "https://evil.example/",
      forwarded: "host=evil.example",
    });
    assert.ok(asked.location.startsWith(`${deps.http.publicUrl}/gate?site=${encodeURIComponent(site)}&`));
  });

  it("R27: reads the headers of each proxy alone, each of them once and under its exact name", async () => {
    const site = await aSite({ publicPaths: ["/open"] });
    const visit = visitor(site);
    assert.equal((await visit.ask("/open")).status, 200);
    assert.equal((await visit.check("/open")).status, 200);
    const { host } = new URL(site);
    const ask = (path: string, headers: Readonly<Record<string, string | string[]>>) =>
      askGate(origin, path, { host, ...PAGE, ...headers });
    const forwarded = {
      ...{
        "x-forwarded-proto": "https",
        "x-forwarded-host": host,
        "x-forwarded-uri": "/open",
        "x-forwarded-method": "GET",
      },
    };
    const original = { "x-original-url": `${site}/open`, "x-original-method": "GET" };
    assert.equal((await ask("/forward-auth", forwarded)).status, 200);
    assert.equal((await ask("/auth-request", original)).status, 200);
    assert.equal((await ask("/auth-request?for=app", original)).status, 200);
    assert.equal((await ask("/forward-auth", original)).status, 400);
    assert.equal((await ask("/auth-request", forwarded)).status, 403);
    for (const name of Object.keys(forwarded) as (keyof typeof forwarded)[]) {
      assert.equal((await ask("/forward-auth", { ...forwarded, [name]: [] })).status, 400, `without ${name}`);
      assert.equal(
        (await ask("/forward-auth", { ...forwarded, [name]: [forwarded[name], forwarded[name]] })).status,
        400,
      );
      assert.equal((await ask("/forward-auth", { ...forwarded, [name]: "" })).status, 400);
      const underscore = { ...forwarded, [name.replaceAll("-", "_")]: "/private" };
      assert.equal((await ask("/forward-auth", underscore)).status, 200, "a name with underscores is another one");
    }
    for (const name of Object.keys(original) as (keyof typeof original)[]) {
      assert.equal((await ask("/auth-request", { ...original, [name]: [] })).status, 403);
      assert.equal((await ask("/auth-request", { ...original, [name]: [original[name], original[name]] })).status, 403);
    }
    assert.equal((await ask("/forward-auth?uri=/private&rd=https://evil.example", forwarded)).status, 200);
  });

  it("R29: keeps every header on public paths, and lets nobody sign in for them", async () => {
    const site = await aSite({ publicPaths: ["/healthz", "GET /feed/*"] });
    const visit = visitor(site);
    for (const answer of [await visit.ask("/healthz?a=/../b"), await visit.check("/feed/x", {}, "HEAD")]) {
      assert.equal(answer.status, 200);
      assert.deepEqual(identity(answer), ["", "", "", "", ""]);
    }
    assert.equal((await visit.check("/feed/x", {}, "POST")).status, 401);
    assert.equal((await visit.check("/feed/../private")).status, 401);
    const { browser, name } = await person();
    await visit.signIn(browser);
    assert.equal((await visit.ask("/healthz")).headers["remote-user"], name);
  });

  it("R30: answers scripts, programs and upgrades with 401, and a stranger's form with a page that keeps it", async () => {
    const site = await aSite();
    const script = { accept: "text/html", "sec-fetch-mode": "cors" };
    for (const headers of [
      script,
      { accept: "application/json" },
      { accept: "*/*" },
      { ...PAGE, "x-requested-with": "XMLHttpRequest" },
      { ...PAGE, upgrade: "websocket" },
    ]) {
      const answer = await visitor(site).ask("/data", headers);
      assert.deepEqual([answer.status, answer.location], [401, ""], JSON.stringify(headers));
      assert.equal(answer.headers["www-authenticate"], 'Bearer realm="countersign"');
      assert.deepEqual(JSON.parse(answer.body), { error: "sign_in", url: `${site}/.countersign/start` });
      assert.equal((await visitor(site).nginx("/.countersign/start", "/data", headers as typeof PAGE)).status, 401);
    }
    const checked = await visitor(site).check("/data", PAGE);
    assert.deepEqual([checked.status, checked.body, checked.headers["set-cookie"]], [401, "", undefined]);
    const form = await visitor(site).ask("/orders", PAGE, "POST");
    assert.equal(form.status, 401);
    assert.match(form.body, /Nothing was sent yet[^]*target="_blank"/);
    for (const method of ["PUT", "DELETE", "PROPFIND"])
      assert.equal((await visitor(site).ask("/orders", script, method)).status, 401);
    const started = await visitor(site).nginx("/.countersign/start", "/page?a=1&b=2");
    assert.equal(new URL(started.location).searchParams.get("to"), "/page?a=1&b=2");
  });

  it("R31: brings twenty tabs of a fresh browser in at once", async () => {
    const site = await aSite();
    const [shared, { browser }] = [visitor(site), await person()];
    const started = await Promise.all(Array.from({ length: 20 }, (_, tab) => visitor(site).ask(`/tab/${tab}`)));
    assert.ok(started.every(({ status }) => status === 302));
    // A browser's tabs share the cookie that came first; whoever began with another one starts once more.
    await Promise.all(
      Array.from({ length: 20 }, async (_, tab) => {
        for (let answer = await shared.ask(`/tab/${tab}`), step = 0; answer.status === 302; step += 1) {
          assert.ok(step < 8, "no end");
          const url = new URL(answer.location);
          if (url.origin === site) answer = await shared.ask(url.pathname + url.search);
          else {
            const back = new URL((await browser.get(url.pathname + url.search)).location);
            answer = await shared.ask(back.pathname + back.search);
          }
          if (answer.status === 200) return;
          assert.equal(answer.status, 302, answer.body);
        }
      }),
    );
    assert.equal((await shared.ask("/")).status, 200);
  });

  it("R32: explains itself to a browser that keeps no cookie, after three tickets", async () => {
    const site = await aSite();
    const [visit, { browser }] = [visitor(site), await person()];
    for (let times = 0; times < 3; times += 1) {
      assert.equal((await visit.signIn(browser)).status, 302);
      for (const name of visit.cookies.keys()) if (!name.includes("visit")) visit.cookies.delete(name);
    }
    const told = await visit.ask("/");
    assert.equal(told.status, 403);
    assert.match(told.body, /This browser keeps no cookie/);
    assert.equal((await visit.ask("/")).status, 302, "and lets it try again");
  });

  it("R34: writes no row for anybody who is not signed in", async () => {
    const site = await aSite();
    const count = async () => {
      const tables = ["gate_tickets", "gate_sessions", "sessions", "attempts"];
      const rows = tables.map((table) => database.query<{ n: number }[]>(`SELECT count(*) AS n FROM ${table}`));
      return (await Promise.all(rows)).map(([row]) => row?.n);
    };
    const before = await count();
    const stranger = await visitor(site).ask("/");
    const asked = await openBrowser(origin).get(stranger.location.slice(deps.http.publicUrl.length));
    assert.match(asked.location, /^\/login\?next=%2Fgate/);
    await visitor(site).ask("/.countersign/callback?ticket=abc");
    assert.deepEqual(await count(), before);
  });

  it("R44, R46: ends at every site with the sign-in, and goes on with it while the same person signs in again", async () => {
    const site = await aSite();
    const [visit, { browser, id }] = [visitor(site), await person()];
    await visit.signIn(browser);
    assert.equal((await visit.ask("/")).status, 200);
    await browser.post("/logout");
    assert.equal((await visit.ask("/")).status, 302, "at once");
    assert.equal((await visit.check("/")).status, 401);

    const [other, { browser: second, id: secondId }] = [visitor(site), await person()];
    await other.signIn(second);
    const subscriber = await deps.subscribers.find(secondId);
    assert.ok(subscriber);
    await disableAccount(deps, subscriber);
    assert.equal((await other.ask("/")).status, 302, "a disabled account");
    assert.equal((await deps.gate.listOfSubscriber(id, new Date())).length, 0);
  });

  it("R44: finds nothing of a sign-in whose session is idle, and takes each check for activity", async () => {
    const site = await aSite();
    const [visit, { browser, id }] = [visitor(site), await person()];
    await visit.signIn(browser);
    await database.query("UPDATE sessions SET seen_at = '2020-01-01 00:00:00.000' WHERE subscriber_id = ?", [id]);
    assert.equal((await visit.ask("/")).status, 200);
    const [session] = await deps.sessions.list(id, new Date());
    assert.ok(session && Date.now() - session.seenAt.getTime() < 60_000);
    await database.query("UPDATE sessions SET idle_until = '2020-01-01 00:00:00.000' WHERE subscriber_id = ?", [id]);
    assert.equal((await visit.ask("/")).status, 302);
  });

  it("R22: lets a removed site pass nobody, its public paths neither", async () => {
    const site = await aSite({ publicPaths: ["/healthz"] });
    const found = await deps.gate.findSite(site);
    assert.ok(found);
    await removeSite(deps, found.site);
    assert.equal((await visitor(site).ask("/healthz")).status, 403);
  });

  it("passes a browser's question before a request of another origin, where that is allowed", async () => {
    const [open, shut] = [await aSite({ allowsPreflight: true }), await aSite()];
    const question = { origin: "https://elsewhere.example", "access-control-request-method": "POST" };
    assert.equal((await visitor(open).check("/", question, "OPTIONS")).status, 200);
    assert.equal((await visitor(open).check("/", { origin: "https://elsewhere.example" }, "OPTIONS")).status, 401);
    assert.equal((await visitor(open).check("/", question, "GET")).status, 401);
    assert.equal((await visitor(shut).check("/", question, "OPTIONS")).status, 401);
  });

  it("R51, X6: goes on to an application over a page, never out of a form", async () => {
    const site = await aSite({ level: 1 });
    const { name } = await person(1);
    const browser = openBrowser(origin);
    const started = await visitor(site).ask("/inside");
    const login = await browser.visit(started.location.slice(deps.http.publicUrl.length));
    const page = await browser.submit(login, "/login", { username: name, password: "correct horse battery" });
    assert.deepEqual([page.status, page.url.pathname], [200, "/continue"]);
    const link = page.html.querySelector("main a")?.getAttribute("href") ?? "";
    assert.equal(page.html.querySelector("meta[http-equiv=refresh]")?.getAttribute("content"), `0; url=${link}`);
    assert.match(page.body, /Going on to <strong>Application \d+<\/strong>/);
    assert.ok((await browser.get(link)).location.startsWith(`${site}/.countersign/callback?ticket=`));
    const elsewhere = await openBrowser(origin).get("/continue?next=//evil.example&to=/gate");
    assert.match(elsewhere.location, /^\/login/);
  });

  it("R22: leads whoever must have a new password to the application after it", async () => {
    const site = await aSite({ level: 1 });
    const { name, id } = await person(1);
    await database.query("UPDATE subscribers SET must_change_password = 1 WHERE id = ?", [id]);
    const [visit, browser] = [visitor(site), openBrowser(origin)];
    const login = await browser.visit((await visit.ask("/inside?a=1")).location.slice(deps.http.publicUrl.length));
    const asked = await browser.submit(login, "/login", { username: name, password: "correct horse battery" });
    assert.equal(asked.url.pathname, "/account/password");
    // "Not now" leads nowhere else, and nothing is forgotten by it.
    assert.equal((await browser.visit("/account")).url.pathname, "/account/password");
    const page = await browser.submit(await browser.visit("/account/password"), "/account/password", {
      ...{ current_password: "correct horse battery", password: "violet harbour lantern" },
    });
    assert.equal(page.url.pathname, "/continue");
    const link = page.html.querySelector("main a")?.getAttribute("href") ?? "";
    const back = new URL((await browser.get(link)).location);
    assert.equal((await visit.ask(back.pathname + back.search)).location, `${site}/inside?a=1`);
    assert.equal((await visit.ask("/inside?a=1")).status, 200);
    const again = await browser.submit(await browser.visit("/account/password"), "/account/password", {
      ...{ current_password: "violet harbour lantern", password: "another violet harbour" },
    });
    assert.equal(again.url.pathname, "/account", "whoever changes it unasked stays");
  });

  it("R45: ends one application and leaves the others, and shows where to sign out of it", async () => {
    const [site, other] = [await aSite(), await aSite()];
    const [visit, elsewhere, { browser }] = [visitor(site), visitor(other), await person()];
    for (const each of [visit, elsewhere]) await each.signIn(browser);
    const { location } = await visit.ask("/.countersign/sign-out");
    assert.equal(location, `${deps.http.publicUrl}/sign-out?site=${encodeURIComponent(site)}`);
    const page = await browser.visit(location.slice(deps.http.publicUrl.length));
    const id = (await deps.gate.findSite(site))?.application.id ?? "";
    const left = await browser.submit(page, `/account/applications/${id}/end`);
    assert.equal(left.url.pathname, "/account/applications");
    assert.match(left.body, /End Application \d+/);
    assert.equal((await visit.ask("/")).status, 302);
    assert.equal((await elsewhere.ask("/")).status, 200);
    assert.equal((await openBrowser(origin).get(`/sign-out?site=${site}`)).status, 303);
  });

  it("R53: answers no request with 5xx, however it is malformed", async () => {
    const site = await aSite();
    const { browser } = await person();
    const strange = [
      "%",
      "%zz",
      "%ff",
      "\\",
      "..",
      "?",
      "#",
      "é",
      "a".repeat(9000),
      "[",
      "]",
      "{",
      "%00",
      "*",
      "'",
      '"',
      "//",
      ";",
    ];
    for (const host of ["[::1", "a:99999", "a..b", "a.", "-", ":", "1.2.3.999", "xn--", "[::ffff:1.2.3.4]"])
      for (const path of ["/forward-auth", "/auth-request", "/.countersign/start"]) {
        const told = { "x-forwarded-proto": "https", "x-forwarded-host": host, "x-forwarded-uri": "/" };
        const original = { "x-original-url": `https://${host}/`, "x-original-method": "GET" };
        const answer = await askGate(origin, path, {
          host,
          ...PAGE,
          ...told,
          ...original,
          "x-forwarded-method": "GET",
        });
        assert.ok(answer.status < 500, host);
      }
    for (const text of strange) {
      const header = Buffer.from(text, "latin1").toString("latin1");
      for (const uri of [
        `/${header}`,
        header,
        `/.countersign/callback?ticket=${header}&to=${header}`,
        `/.countersign/${header}`,
      ])
        assert.ok((await visitor(site).ask(uri)).status < 500, uri.slice(0, 50));
      const sent = await browser.get(
        `/gate?site=${encodeURIComponent(site)}&visit=${"a".repeat(43)}&to=${encodeURIComponent(text)}`,
      );
      assert.ok(sent.status < 500, text.slice(0, 50));
    }
  });

  it("R56: lets nothing pass while the database is away", async () => {
    const site = await aSite({ publicPaths: ["/healthz"] });
    const { origin: elsewhere, database: gone } = await serveApplication({ after });
    await gone.destroy();
    for (const answer of [
      await visitor(site, elsewhere).ask("/healthz"),
      await visitor(site, elsewhere).check("/healthz"),
      await visitor(site, elsewhere).ask("/.countersign/callback?ticket=abc"),
    ])
      assert.equal(answer.status, 503);
  });

  it("R57: reads twice for a check", async (t) => {
    const site = await aSite({ admitted: [{ group: "everybody" }] });
    const [visit, { browser, id }] = [visitor(site), await person()];
    await deps.memberships.add(id, "everybody", new Date());
    await visit.signIn(browser);
    const reads: string[] = [];
    for (const [noun, methods] of Object.entries(deps).filter(
      ([, value]) => typeof value === "object" && value !== null,
    ))
      for (const [name, method] of Object.entries(methods as object))
        if (
          typeof method === "function" &&
          ["gate", "sites", "applications", "sessions", "subscribers", "memberships", "factors"].includes(noun)
        )
          t.mock.method(methods as Record<string, () => unknown>, name, (...given: unknown[]) => {
            reads.push(`${noun}.${name}`);
            return (method as (...all: unknown[]) => unknown)(...given);
          });
    assert.equal((await visit.check("/")).status, 200);
    assert.deepEqual(reads, ["gate.findSite", "gate.findGuest"]);
  });
});
