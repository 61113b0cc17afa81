import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";

import { hostRule } from "../../../src/providers/phone/push-endpoint.js";
import { pushSender, pushTopic } from "../../../src/providers/phone/send-push.js";
import { vapidKey } from "../../../src/providers/phone/vapid.js";
import { launchSubscriber } from "../../kit/chromium.js";
import { startChromiumPush } from "../../kit/chromium-push.js";
import { launchFirefox } from "../../kit/firefox.js";
import { ACK, startFirefoxPush } from "../../kit/firefox-push.js";
import type { Browser } from "../../kit/browser.js";
import type { Owner } from "../../kit/owner.js";
import { leadingTo, type ReceivedPush, startPushServer } from "../../kit/push-server.js";
import { type Program, startProgram } from "../../kit/program.js";
import { until } from "../../kit/until.js";

const PASSWORD = "tram lemon orbit quietly";
const REGISTRATION = "/account/two-factor/registration";
const KEY = vapidKey(Buffer.concat([Buffer.from([1]), randomBytes(31)]).toString("base64url"))!;

/** A worker that shows each push, and tells the page of it: what it read, and since when this worker runs. */
const WORKER = `
  const since = String(Math.random());
  addEventListener("push", (event) => event.waitUntil((async () => {
    const text = event.data.text();
    await registration.showNotification("Sign in?", { body: text });
    for (const page of await clients.matchAll({ includeUncontrolled: true })) page.postMessage(text + " " + since);
  })()));`;

/** Subscribes with our key. @returns the subscription in JSON. */
const SUBSCRIBE = `(async () => {
  window.heard = [];
  navigator.serviceWorker.addEventListener("message", ({ data }) => heard.push(data));
  await navigator.serviceWorker.register("/worker.js");
  const registration = await navigator.serviceWorker.ready;
  const applicationServerKey = ${JSON.stringify(KEY.publicKey)};
  return JSON.stringify(await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
})()`;
const HEARD = "JSON.stringify(heard)";
const SHOWN = `navigator.serviceWorker.ready
  .then((registration) => registration.getNotifications())
  .then((all) => JSON.stringify(all.map(({ body }) => body)))`;

/** A page with that worker. @returns its origin. */
async function startSite(owner: Owner): Promise<string> {
  const server = createServer((req, res) => {
    const isWorker = req.url === "/worker.js";
    res.setHeader("content-type", isWorker ? "text/javascript" : "text/html");
    res.end(isWorker ? WORKER : "<!doctype html><title>Phone</title>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

interface Page {
  evaluate(expression: string): Promise<string>;
}

/**
 * Subscribes in the page and gives our sender the subscription; whatever it sends, the push service hands on with
 * `deliver`, first with one bit of it flipped where that is asked for.
 */
async function subscribe(owner: Owner, page: Page, deliver: (push: ReceivedPush) => Promise<unknown>) {
  const { endpoint, keys } = JSON.parse(await page.evaluate(SUBSCRIBE)) as {
    endpoint: string;
    keys: { p256dh: string; auth: string };
  };
  const server = await startPushServer(owner, [new URL(endpoint).hostname]);
  let flipsBit = false;
  let delivered: unknown;
  server.answers((push, res) => {
    const last = push.body.length - 1;
    if (flipsBit) push.body[last] = (push.body[last] ?? 0) ^ 1;
    deliver(push).then(
      (answer) => {
        delivered = answer;
        res.writeHead(201).end();
      },
      () => res.writeHead(500).end(),
    );
  });
  const send = pushSender(hostRule([]), null, () => new Date());
  return {
    async send(text: string, { flips = false } = {}): Promise<unknown> {
      flipsBit = flips;
      const push = { text: Buffer.from(text), topic: pushTopic(text), ttlSeconds: 60 };
      assert.deepEqual(await send({ endpoint, ...keys }, KEY, push), { kind: "sent", status: 201 });
      return delivered;
    },
    async heard(): Promise<string[]> {
      return JSON.parse(await page.evaluate(HEARD)) as string[];
    },
    async shown(): Promise<string[]> {
      return JSON.parse(await page.evaluate(SHOWN)) as string[];
    },
  };
}

/** A program whose pushes to the hosts of push services end at the test's own. */
async function startPushingProgram(owner: Owner, hosts: readonly string[]) {
  const server = await startPushServer(owner);
  const env = { ...leadingTo(server, hosts), MATCH_CODE: "always" };
  return { server, program: await startProgram(owner, { env }) };
}

/** An account that begins to add a phone. @returns its browser, and the address in the QR code. */
async function beginEnrolment(program: Program, username: string) {
  const browser = program.openBrowser();
  await browser.post("/register", { username, email: `${username}@example.com`, password: PASSWORD });
  await browser.post(REGISTRATION, { type: "phone" });
  const { html } = await browser.visit(REGISTRATION);
  const letters = html.querySelector("[data-typed]")?.innerText.replaceAll(" ", "") ?? "";
  return { browser, address: `${program.site}/phone/#add=${letters}` };
}

const tokenIn = (push: ReceivedPush): string => push.path.split("/").at(-1) ?? "";
const encrypted = ({ headers, body }: ReceivedPush) => ({ encoding: String(headers["content-encoding"]), body });

describe("a real browser", () => {
  it("Chromium reads our push, which wakes its worker, and nothing in which one bit was flipped", async (t) => {
    const site = await startSite(t);
    const service = await startChromiumPush(t);
    const context = await launchSubscriber(t, service.args);
    await context.grantPermissions(["notifications"], { origin: site });
    const page = await context.newPage();
    await page.goto(site);
    const phone = await subscribe(t, page, (push) => service.deliver(tokenIn(push), encrypted(push)));

    assert.equal(await phone.send('{"id":"1"}'), true);
    await until(async () => (await phone.heard()).length === 1, "the page did not hear of the push");
    const cdp = await context.newCDPSession(page);
    await cdp.send("ServiceWorker.enable");
    await cdp.send("ServiceWorker.stopAllWorkers");
    // Nobody hears of the one that cannot be read: the next one shows that it was passed over.
    assert.equal(await phone.send('{"id":"2"}', { flips: true }), true);
    assert.equal(await phone.send('{"id":"3"}'), true);
    await until(async () => (await phone.heard()).length === 2, "the page did not hear of the last push");
    const [first = "", second = ""] = await phone.heard();
    assert.deepEqual(
      [first, second].map((each) => each.split(" ")[0]),
      ['{"id":"1"}', '{"id":"3"}'],
    );
    assert.notEqual(first.split(" ")[1], second.split(" ")[1]); // another worker: the first had been stopped
    await until(async () => (await phone.shown()).length === 2, "the pushes were not shown");
    assert.deepEqual((await phone.shown()).sort(), ['{"id":"1"}', '{"id":"3"}']);
  });

  it("Firefox reads our push, shows it, and says so; one flipped bit and it says that it cannot", async (t) => {
    const site = await startSite(t);
    const service = await startFirefoxPush(t);
    const page = await launchFirefox(t, service.prefs);
    await page.goto(site);
    const phone = await subscribe(t, page, (push) => service.deliver(tokenIn(push), encrypted(push)));

    assert.equal(await phone.send('{"id":"1"}'), ACK.shown);
    assert.equal(await phone.send('{"id":"2"}', { flips: true }), ACK.notDecrypted);
    assert.equal(await phone.send('{"id":"3"}'), ACK.shown);
    await until(async () => (await phone.heard()).length === 2, "the page did not hear of the last push");
    assert.deepEqual(
      (await phone.heard()).map((each) => each.split(" ")[0]),
      ['{"id":"1"}', '{"id":"3"}'],
    );
    await until(async () => (await phone.shown()).length === 2, "the pushes were not shown");
    assert.deepEqual((await phone.shown()).sort(), ['{"id":"1"}', '{"id":"3"}']);
  });
});

describe("the phone's page in a real browser", () => {
  it("PH11 Chromium is notified of a request, shows it, signs the answer, and approves nothing from the notification", async (t) => {
    const service = await startChromiumPush(t);
    const { server, program } = await startPushingProgram(t, ["jmt17.google.com", "fcm.googleapis.com"]);
    server.answers((push, res) => {
      void service.deliver(tokenIn(push), encrypted(push)).then((known) => res.writeHead(known ? 201 : 410).end());
    });
    const context = await launchSubscriber(t, service.args);
    await context.grantPermissions(["notifications"], { origin: program.site });
    const { browser, address } = await beginEnrolment(program, "ida");
    const phone = await context.newPage();
    await phone.goto(address);
    assert.doesNotMatch(phone.url(), /add=/); // the secret stays in no history
    await phone.getByRole("button", { name: "Add this phone" }).click();
    await phone.getByRole("heading", { name: "Compare the digits" }).waitFor();
    await browser.post(`${REGISTRATION}/confirm`);
    await phone.getByRole("button", { name: "Notify me" }).click();
    await phone.locator("[data-notifying=on]").waitFor();

    const [worker] = context.serviceWorkers();
    assert.ok(worker !== undefined);
    await worker.evaluate(COUNT_SHOWN);
    await phone.goto("about:blank"); // nobody looks at the page
    await browser.post("/logout");
    await browser.post("/login", { username: "ida", password: PASSWORD });
    await until(async () => (await worker.evaluate("shown")) === 1, "no notification was shown");
    const [shown, ...more] = JSON.parse(await worker.evaluate<string>(NOTIFICATIONS)) as Notified[];
    assert.deepEqual(more, []);
    assert.equal(shown?.title, "Sign in to Countersign test?");
    assert.match(shown.body, /^ida, Firefox on Linux$/);
    const [row] = program.rows.all("SELECT id, state FROM challenges WHERE state = 'pending'");
    // PH10: what a lock screen shows names neither code nor address.
    assert.doesNotMatch(JSON.stringify([shown.title, shown.body]), /\d{6}|127\.0\.0\.1|[\w-]{24}/);

    await phone.goto(`${program.site}/phone/`);
    await phone.getByRole("heading", { name: "Sign in to Countersign test?" }).waitFor();
    // PH11: neither a tap nor any action answers.
    for (const action of ["", "look", "approve"]) await worker.evaluate(tap(action));
    assert.equal(program.rows.one("SELECT state FROM challenges WHERE id = ?", row?.["id"])?.["state"], "pending");
    await worker.evaluate(tap("deny"));
    await phone.getByRole("heading", { name: "Was it you?" }).waitFor();
    assert.equal(program.rows.one("SELECT state FROM challenges WHERE id = ?", row?.["id"])?.["state"], "pending");
    await phone.getByRole("button", { name: "Back" }).click();
    const code = /\d{6}/.exec(await phone.locator("[data-code]").innerText())?.[0] ?? "";
    await phone.getByRole("button", { name: "Approve" }).click();
    await phone.getByRole("heading", { name: "Approved" }).waitFor();
    await signInWith(browser, code);
  });

  it("Firefox does, too", async (t) => {
    const service = await startFirefoxPush(t);
    const { server, program } = await startPushingProgram(t, ["updates.push.services.mozilla.com"]);
    const acks: (number | null)[] = [];
    server.answers((push, res) => {
      void service.deliver(tokenIn(push), encrypted(push)).then((ack) => {
        acks.push(ack);
        res.writeHead(ack === null ? 410 : 201).end();
      });
    });
    const phone = await launchFirefox(t, service.prefs);
    const { browser, address } = await beginEnrolment(program, "ilse");
    const headline = (text: string) =>
      until(
        async () => (await phone.evaluate("document.querySelector('h1').textContent")) === text,
        `no page said "${text}"`,
      );
    const press = (label: string) =>
      until(
        async () =>
          (await phone.evaluate(`(() => {
            const found = [...document.querySelectorAll("button:enabled")].find((each) => each.textContent === ${JSON.stringify(label)});
            found?.click();
            return found ? "pressed" : "";
          })()`)) === "pressed",
        `there is no button "${label}"`,
      );
    await phone.goto(address);
    await press("Add this phone");
    await headline("Compare the digits");
    await browser.post(`${REGISTRATION}/confirm`);
    await press("Notify me");
    await until(
      async () =>
        (await phone.evaluate("String(document.querySelector('[data-notifying]')?.dataset.notifying)")) === "on",
      "notifications were not switched on",
    );
    await browser.post("/logout");
    await browser.post("/login", { username: "ilse", password: PASSWORD });
    await until(() => acks.length === 1, "no push was acknowledged");
    assert.deepEqual(acks, [ACK.shown]);
    // It stands in the browser's own list a moment after it was shown.
    await until(async () => (await phone.evaluate(SHOWN)).includes("ilse, Firefox on Linux"), "nothing was shown");
    await headline("Sign in to Countersign test?");
    const code = await phone.evaluate("document.querySelector('[data-code] span').textContent");
    await press("Approve");
    await headline("Approved");
    await signInWith(browser, code);
  });
});

interface Notified {
  readonly title: string;
  readonly body: string;
}

/** Chromium forgets a notification that it is about to show while its list is asked for: it is asked for afterwards, once. */
const COUNT_SHOWN = `{
  const show = registration.showNotification.bind(registration);
  globalThis.shown = 0;
  registration.showNotification = (...what) => show(...what).then(() => { shown += 1; });
}`;

const NOTIFICATIONS =
  "registration.getNotifications().then((all) => JSON.stringify(all.map(({ title, body }) => ({ title, body }))))";

/** A tap on the notification, or on one of its actions, as the browser tells the worker of it. It is gone after the first. */
function tap(action: string): string {
  return `registration.getNotifications().then(([notification]) => {
    globalThis.tapped ??= notification;
    const event = { action: ${JSON.stringify(action)}, notification: globalThis.tapped };
    return dispatchEvent(new NotificationEvent("notificationclick", event));
  })`;
}

async function signInWith(browser: Browser, code: string): Promise<void> {
  await browser.post("/login/approval/finish", { match_code: code });
  assert.equal((await browser.get("/account")).status, 200);
}
