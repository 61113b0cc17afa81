import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { BrowserContext, Page } from "playwright-core";
import { complaintsOf } from "./chromium.js";
import { launchBrowser } from "../../kit/chromium.js";
import { renderState, serveStates } from "./state-server.js";

/** How the stream behaves: speaks, is refused, accepts and says nothing, or speaks once and is cut. */
type Stream = "speaks" | "refused" | "silent" | "cut";

const browser = await launchBrowser({ after });
const server = await serveStates({ after });
let context: BrowserContext;
let page: Page;

/** The little program behind the page: one challenge, its stream, and what the page posted. */
const program = {
  /** What GET of the page renders. */
  page: "login-approval-waiting",
  waiting: {} as Record<string, unknown>,
  status: "pending",
  statusCode: 200,
  stream: "speaks" as Stream,
  listeners: new Set<ServerResponse>(),
  posted: [] as string[],
  asked: [] as number[],
  pageViews: 0,
  /** How many forms get no answer. */
  hanging: 0,

  /** As when the network goes: emulation leaves a stream open that is open. */
  cutStreams(): void {
    for (const listener of this.listeners) listener.destroy();
  },

  settle(status: string, nextPage?: string): void {
    this.status = status;
    if (nextPage) this.page = nextPage;
    for (const listener of this.listeners) {
      if (this.stream === "speaks") listener.end(event(status));
    }
  },
};

function event(status: string): string {
  return `event: status\ndata: ${JSON.stringify({ id: "c1", kind: "approval", status, expiresAt: "2026-11-24T10:44:07.000Z" })}\n\n`;
}

function answer(request: IncomingMessage, response: ServerResponse): boolean {
  const path = request.url ?? "";
  if (request.method === "POST") {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      program.posted.push(`${path} ${body}`);
      if (program.posted.length <= program.hanging) return;
      response.writeHead(303, { Location: "/states/home-signed-in" }).end();
    });
  } else if (path.split("?")[0] === "/login/approval") {
    program.pageViews += 1;
    response
      .writeHead(200, { "Content-Type": "text/html; charset=utf-8" })
      .end(renderState(program.page, program.waiting));
  } else if (path === "/challenges/c1/events") {
    if (program.stream === "refused") {
      response.writeHead(503).end();
      return true;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("retry: 2000\n\n");
    if (program.stream === "speaks" || program.stream === "cut") response.write(event(program.status));
    if (program.stream === "cut") setTimeout(() => response.destroy(), 50);
    program.listeners.add(response);
    response.on("close", () => program.listeners.delete(response));
  } else if (path === "/challenges/c1") {
    program.asked.push(Date.now());
    response.writeHead(program.statusCode, { "Content-Type": "application/json" });
    response.end(
      JSON.stringify({ id: "c1", kind: "approval", status: program.status, expiresAt: "2026-11-24T10:44:07.000Z" }),
    );
  } else {
    return false;
  }
  return true;
}

server.answer = answer;

beforeEach(async () => {
  Object.assign(program, {
    page: "login-approval-waiting",
    waiting: {},
    status: "pending",
    statusCode: 200,
    stream: "speaks",
    posted: [],
    asked: [],
    pageViews: 0,
    hanging: 0,
  });
  context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  page = await context.newPage();
});

afterEach(() => context.close());

async function open(): Promise<void> {
  await page.goto(`${server.origin}/login/approval`);
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const from = Date.now();
  while (Date.now() - from < withinMs) {
    if (await isTrue()) return;
    await delay(20);
  }
  assert.fail(`not within ${withinMs} ms: ${what}`);
}

const hasPosted = (): boolean => program.posted.length > 0;

/** Waits until the page has gone on. */
async function finished(): Promise<void> {
  await until("finish was posted", hasPosted);
  await page.waitForURL("**/states/home-signed-in");
}

/** Something that the page did. */
interface Deed {
  readonly what: "opened" | "asked" | "heard approved" | "went on";
  /** By the page's own clock: on a busy machine questions arrive closer together than they were sent. */
  readonly atMs: number;
  /** Like `atMs`, but a clock that stands still while the machine does not let the page run. */
  readonly pageMs: number;
}

const KEEP_DIARY = `
  let pageMs = 0;
  setInterval(() => (pageMs += 50), 50);
  const note = (what) => {
    const deed = { what, atMs: performance.timeOrigin + performance.now(), pageMs };
    sessionStorage.diary = JSON.stringify([...JSON.parse(sessionStorage.diary ?? "[]"), deed]);
  };
  if (location.pathname === "/login/approval") note("opened");
  const send = fetch;
  fetch = (...asked) => {
    note("asked");
    return send(...asked);
  };
  EventSource = class extends EventSource {
    constructor(...given) {
      super(...given);
      this.addEventListener("status", ({ data }) => data.includes('"approved"') && note("heard approved"));
    }
  };
  addEventListener("submit", () => note("went on"), true);
`;

const diary = (): Promise<Deed[]> => page.evaluate<Deed[]>("JSON.parse(sessionStorage.diary)");

const status = (): Promise<string | null> => page.locator("[role=status][data-status-line]").textContent();

describe("the waiting page in a browser", () => {
  it("posts the finish form once when the stream says approved, and says so meanwhile", async () => {
    const complaints = complaintsOf(page);
    await page.addInitScript(KEEP_DIARY);
    await open();
    await until("the stream is open", () => program.listeners.size === 1);
    program.settle("approved");
    await finished();
    const deeds = await diary();
    assert.deepEqual(
      deeds.map(({ what }) => what),
      ["opened", "heard approved", "went on"],
    );
    const ms = deeds[2]!.pageMs - deeds[1]!.pageMs;
    assert.ok(ms < 1000, `took ${ms} ms`);
    assert.deepEqual(program.posted, ["/login/approval/finish csrf=csrf-of-this-session"]);
    assert.deepEqual(program.asked, []);
    assert.deepEqual(complaints, []);
  });

  for (const stream of ["refused", "silent", "cut"] as const) {
    it(`E13 moves on within 3 s of the change when the stream is ${stream}, and asks at most once a second`, async () => {
      program.stream = stream;
      await page.addInitScript(KEEP_DIARY);
      await open();
      if (stream !== "silent") await until("it has asked twice", () => program.asked.length >= 2);
      program.settle("approved");
      await finished();
      const deeds = await diary();
      assert.equal(deeds.at(-1)!.what, "went on");
      // It never lets 3 s pass without a look, so a change at any time is seen within them.
      const pauses = deeds.slice(1).map(({ pageMs }, i) => pageMs - deeds[i]!.pageMs);
      assert.ok(Math.max(...pauses) < 3000, `paused for ${pauses.join(", ")} ms`);
      const sent = deeds.filter(({ what }) => what === "asked").map(({ atMs }) => atMs);
      assert.equal(sent.length, program.asked.length);
      for (const [i, at] of sent.entries())
        assert.ok(i === 0 || at - sent[i - 1]! > 950, `asked at ${sent.join(", ")} ms`);
    });
  }

  it("shows what the server says when the request was denied", async () => {
    await open();
    await until("the stream is open", () => program.listeners.size === 1);
    program.settle("denied", "login-approval-denied");
    await page.getByRole("heading", { name: "You denied this request" }).waitFor();
    assert.deepEqual(program.posted, []);
    assert.equal(await page.title(), "You denied this request · Acme");
    assert.match((await page.locator("link[rel=icon]").getAttribute("href"))!, /mark-ended/);
    await until("the stream is closed", () => program.listeners.size === 0);
  });

  it("goes on watching when nobody confirmed that the request was sent", async () => {
    program.page = "login-approval-failed-unconfirmed";
    await open();
    await until("the stream is open", () => program.listeners.size === 1);
    program.settle("approved");
    await finished();
    assert.match(program.posted[0]!, /^\/login\/approval\/finish /);
  });

  it("never sends a form again only to look: what a refused form shows moves on to the page itself", async () => {
    program.page = "login-approval-waiting-code-wrong";
    await page.route("**/login/approval/finish", async (route) => {
      await route.fulfill({
        status: 422,
        contentType: "text/html",
        body: renderState("login-approval-waiting-code-wrong"),
      });
    });
    await page.goto(`${server.origin}/states/login-approval-waiting-code-wrong`);
    await page.locator("#match_code").fill("000000");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/login/approval/finish");
    await until("the stream is open", () => program.listeners.size === 1);
    program.settle("denied", "login-approval-denied");
    await page.waitForURL("**/login/approval");
    await page.getByRole("heading", { name: "You denied this request" }).waitFor();
  });

  it("asks the server for the page when the challenge is no longer its own", async () => {
    program.stream = "refused";
    program.statusCode = 404;
    await open();
    await until("the page was loaded again", () => program.pageViews >= 2);
    await delay(1500);
    assert.ok(program.pageViews <= 3, "reloads without pause");
  });

  it("says when it is offline, and goes on when it is back", async () => {
    await open();
    await until("the stream is open", () => program.listeners.size === 1);
    await context.setOffline(true);
    program.cutStreams();
    await until("it says so", async () => (await status()) === "You are offline. We go on when you are back.");
    program.settle("approved");
    await context.setOffline(false);
    await finished();
  });

  it("keeps its figures true: what is left, since when, and when it may be sent again", async () => {
    program.waiting = { resendInSeconds: 2, secondsLeft: 61, secondsSince: 58 };
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(1000);
    await open();
    const again = page.getByRole("button", { name: "Send again" });
    assert.equal(await again.isDisabled(), true);
    assert.equal(await again.textContent(), "Send again in 2 s");
    await page.clock.runFor(1000);
    assert.equal(await again.textContent(), "Send again in 1 s");
    await page.clock.runFor(1000);
    assert.equal(await again.isDisabled(), false);
    assert.equal(await again.textContent(), "Send again");
    await page.clock.runFor(1000);
    assert.equal(await page.getByRole("timer").textContent(), "0:58");
    assert.equal(await page.locator("[data-since]").textContent(), "61 s");
    await again.click();
    await finished();
    assert.match(program.posted[0]!, /^\/login\/approval\/resend csrf=/);
  });

  it("tells the time left in the title while the tab is in the background", async () => {
    await page.addInitScript("Object.defineProperty(document, 'hidden', { get: () => true })");
    await open();
    await until("the title counts", async () => /^\d:\d\d · Approve on your phone · Acme$/.test(await page.title()));
    assert.match((await page.locator("link[rel=icon]").getAttribute("href"))!, /mark-waiting/);
  });

  it("stops its ring for whoever asked for less motion, and runs it down for all others", async () => {
    const ring = async (): Promise<number> =>
      Number(await page.locator("[data-ring]").getAttribute("stroke-dashoffset"));
    const SERVED = 10; // of 100: 108 of 120 seconds are left
    const hasTicked = async (): Promise<boolean> =>
      (await page.locator(".seal [data-countdown]").textContent()) !== "1:48";
    await open();
    await until("it has run down further", async () => (await ring()) > SERVED);
    assert.equal(await page.evaluate<number>("document.getAnimations().length"), 0);
    await page.emulateMedia({ reducedMotion: "reduce" });
    await open();
    await until("a second has passed", hasTicked);
    assert.equal(await ring(), SERVED);
  });

  for (const width of [320, 1280]) {
    it(`moves nothing on the page while it waits, reconnects and is approved, ${width} px wide`, async () => {
      await page.setViewportSize({ width, height: 900 });
      await page.addInitScript(`
      window.shifts = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shifts += entry.value; }).observe({ type: "layout-shift", buffered: true });
    `);
      program.waiting = { matchCodeAsked: true, matchCodeTriesLeft: 5 };
      await open();
      await until("the stream is open", () => program.listeners.size === 1);
      await context.setOffline(true);
      program.cutStreams();
      await until("it says so", async () => /offline/.test((await status())!));
      await context.setOffline(false);
      await delay(500);
      program.settle("approved");
      await page.getByRole("heading", { name: "Approved on your phone" }).waitFor();
      await delay(300);
      assert.equal(await page.evaluate<number>("window.shifts"), 0);
    });
  }
});

/** Run before any script of the page: what some browsers, settings and extensions take away. */
const WITHOUT: Readonly<Record<string, string>> = {
  "requestSubmit, as in Safari 15": "delete HTMLFormElement.prototype.requestSubmit",
  "session storage, which it refuses":
    "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('denied', 'SecurityError'); } })",
  "session storage with room in it":
    "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
  "event streams": "delete window.EventSource",
  "event streams that it lets us open": "window.EventSource = class { constructor() { throw new Error('blocked'); } }",
  fetch: "delete window.fetch",
  "fetch and event streams": "delete window.fetch; delete window.EventSource",
  "fetch, event streams and session storage":
    "delete window.fetch; delete window.EventSource; Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('denied'); } })",
  "AbortSignal.timeout and event streams, as in Safari 15": "delete AbortSignal.timeout; delete window.EventSource",
  matchMedia: "delete window.matchMedia",
};
const MODULES = ["waiting.js", "live-status.js", "waiting-machine.js", "tab-memory.js", "countdown.js"];

async function withoutModule(name: string): Promise<void> {
  await page.route(`**/${name}`, (route) => route.abort());
}

describe("K7 K19 the waiting page in a browser without", () => {
  for (const [what, init] of Object.entries(WITHOUT)) {
    it(`${what} goes on by itself when the phone approves`, async () => {
      await page.addInitScript(init);
      await open();
      program.settle("approved", "login-approval-approved");
      await finished();
      assert.deepEqual(program.posted, ["/login/approval/finish csrf=csrf-of-this-session"]);
    });

    // Where it must load itself anew, and may not know when it did so last.
    if (!/storage|fetch/.test(what)) continue;
    it(`${what} shows a denial, and does not reload without pause`, async () => {
      await page.addInitScript(init);
      await open();
      program.settle("denied", "login-approval-denied");
      await page.getByRole("heading", { name: "You denied this request" }).waitFor();
      assert.ok(program.pageViews <= 3, `${program.pageViews} views`);
    });
  }

  it("fetch and event streams keeps a code that is being typed", async () => {
    program.waiting = { matchCodeAsked: true, matchCodeTriesLeft: 5 };
    await page.addInitScript(WITHOUT["fetch and event streams"]!);
    await open();
    await page.locator("#match_code").fill("123");
    await delay(4000);
    assert.equal(await page.locator("#match_code").inputValue(), "123");
    assert.equal(program.pageViews, 1);
  });

  for (const name of MODULES) {
    it(`its module ${name} has a button that goes on`, async () => {
      await withoutModule(name);
      await open();
      program.status = "approved";
      await page.getByRole("button", { name: "I have approved it" }).click();
      await finished();
    });
  }

  it("its modules shows a button within 2 s once it is approved", async () => {
    program.page = "login-approval-approved";
    await withoutModule("waiting.js");
    await open();
    const button = page.getByRole("button", { name: "Sign in" });
    await button.waitFor({ timeout: 2500 });
    await button.click();
    await finished();
  });

  it("its modules can send again as soon as the server lets it", async () => {
    program.waiting = { resendInSeconds: 18 };
    await withoutModule("waiting.js");
    await open();
    await page.getByRole("button", { name: /^Send again/ }).click();
    await finished();
    assert.match(program.posted[0]!, /^\/login\/approval\/resend csrf=/);
  });

  it("its modules can look again while the request is being sent", async () => {
    program.page = "login-approval-sending";
    await withoutModule("waiting.js");
    await open();
    program.page = "login-approval-waiting";
    await page.getByRole("link", { name: "Look again" }).click();
    await page.getByRole("heading", { name: "Approve the request on your phone" }).waitFor();
  });

  it("an answer to what it sent by itself has a button that sends it again", async () => {
    Object.assign(program, { page: "login-approval-approved", hanging: 1 });
    // In the page itself: Playwright presses nothing while a navigation hangs.
    await page.addInitScript(`setTimeout(() => {
      const button = document.querySelector("#finish button");
      if (getComputedStyle(button).visibility === "visible") button.click();
    }, 2500)`);
    await page.goto(`${server.origin}/login/approval`, { waitUntil: "commit" });
    await until("it went on", () => page.url().endsWith("/states/home-signed-in"));
    assert.equal(program.posted.length, 2);
  });

  it("a free place among the open streams falls back to asking, and says nothing of a lost connection", async () => {
    program.stream = "refused";
    program.statusCode = 429;
    await page.addInitScript(`
      window.lines = [];
      new MutationObserver(() => window.lines.push(document.querySelector("[data-status-line]")?.textContent))
        .observe(document, { childList: true, characterData: true, subtree: true });
    `);
    await open();
    await until("it has asked twice", () => program.asked.length >= 2);
    assert.doesNotMatch((await page.evaluate<string[]>("window.lines")).join(), /Reconnecting|offline/);
    program.statusCode = 200;
    program.settle("approved");
    await finished();
  });
});

describe("the waiting page with a code to type", () => {
  beforeEach(() => {
    program.waiting = { matchCodeAsked: true, matchCodeTriesLeft: 5 };
  });

  it("never goes on by itself: it announces the approval, and the person sends the code", async () => {
    await open();
    await until("the stream is open", () => program.listeners.size === 1);
    program.settle("approved");
    await until("it is announced", async () => /Type the 6 digits/.test((await status())!));
    await until("the field has the focus", async () => (await page.locator("#match_code:focus").count()) === 1);
    await delay(300);
    assert.deepEqual(program.posted, []);
    await page.keyboard.insertText("123 456");
    await page.keyboard.press("Enter");
    await finished();
    assert.deepEqual(program.posted, ["/login/approval/finish csrf=csrf-of-this-session&match_code=123+456"]);
  });

  it("keeps a code that was sent before the approval, and sends it again as soon as the phone approves", async () => {
    await page.route("**/login/approval/finish", (route) =>
      program.status === "pending"
        ? route.fulfill({ status: 303, headers: { Location: "/login/approval?still=pending" } })
        : route.continue(),
    );
    await open();
    await page.locator("#match_code").fill("123456");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/login/approval?still=pending");
    assert.equal(await page.locator("#match_code").inputValue(), "123456");
    await until("the stream is open", () => program.listeners.size === 1);
    program.settle("approved");
    await finished();
    assert.deepEqual(program.posted, ["/login/approval/finish csrf=csrf-of-this-session&match_code=123456"]);
  });

  it("leaves what is being typed and where", async () => {
    await open();
    await until("the stream is open", () => program.listeners.size === 1);
    await page.locator("#match_code").fill("123");
    program.settle("approved");
    await until("it is announced", async () => /Type the 6 digits/.test((await status())!));
    await page.keyboard.type("456");
    assert.equal(await page.locator("#match_code").inputValue(), "123456");
  });

  it("has a field that phones and keyboards understand", async () => {
    await open();
    const field = page.getByLabel("The 6 digits that your phone shows");
    assert.equal(await field.getAttribute("inputmode"), "numeric");
    assert.equal(await field.getAttribute("autocomplete"), "one-time-code");
  });
});
