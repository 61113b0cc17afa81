import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { describe, it } from "node:test";

import { hostRule } from "../../../src/providers/phone/push-endpoint.js";
import { pushSender, pushTopic } from "../../../src/providers/phone/send-push.js";
import { vapidKey } from "../../../src/providers/phone/vapid.js";
import { launchSubscriber } from "../../kit/chromium.js";
import { startChromiumPush } from "../../kit/chromium-push.js";
import { launchFirefox } from "../../kit/firefox.js";
import { ACK, startFirefoxPush } from "../../kit/firefox-push.js";
import { type Owner } from "../../kit/owner.js";
import { type ReceivedPush, startPushServer } from "../../kit/push-server.js";
import { until } from "../../kit/until.js";

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
    assert.deepEqual((await phone.shown()).sort(), ['{"id":"1"}', '{"id":"3"}']);
  });
});
