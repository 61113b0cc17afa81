import assert from "node:assert/strict";
import { createECDH, randomBytes } from "node:crypto";
import { Socket } from "node:net";
import { describe, it } from "node:test";

import { isPublicAddress } from "../../../src/providers/phone/public-address.js";
import { hostRule, readEndpoint, readSubscription } from "../../../src/providers/phone/push-endpoint.js";
import { pushSender } from "../../../src/providers/phone/send-push.js";
import { vapidKey } from "../../../src/providers/phone/vapid.js";
import type { Owner } from "../../kit/owner.js";
import { leadPushHosts, type PushHosts } from "../../kit/push-hosts.mjs";
import { startPushServer } from "../../kit/push-server.js";

const FCM = "fcm.googleapis.com";
const listed = hostRule([]);
const any = hostRule(["*"]);

function newKeys() {
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  return { p256dh: ecdh.getPublicKey("base64url"), auth: randomBytes(16).toString("base64url") };
}

const PRIVATE = [
  ...[
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
  ],
  ...["192.168.0.1", "192.168.255.1", "169.254.169.254", "100.64.0.1", "100.127.255.254", "192.0.0.8", "192.0.2.1"],
  ...["198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "192.88.99.1", "224.0.0.1", "239.255.255.250"],
  ...["240.0.0.1", "255.255.255.255"],
  ...["::1", "::", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1", "fd12:3456:789a::1", "ff02::1", "::ffff:127.0.0.1"],
  ...["::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1"],
  ...["2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "4000::1", "5f00::1"],
];
const PUBLIC = [
  "8.8.8.8",
  "142.250.185.74",
  "1.1.1.1",
  "100.63.255.255",
  "100.128.0.1",
  "172.15.0.1",
  "172.32.0.1",
].concat([
  "192.0.3.1",
  "198.17.0.1",
  "198.20.0.1",
  "223.255.255.255",
  "2607:f8b0:4004:c07::5f",
  "2a00:1450:4001:82b::200a",
]);

describe("the addresses that a push may go to", () => {
  it("PH12 are public ones alone", () => {
    for (const address of PRIVATE) assert.equal(isPublicAddress(address), false, address);
    for (const address of PUBLIC) assert.equal(isPublicAddress(address), true, address);
    assert.equal(isPublicAddress("localhost"), false);
  });
});

describe("the endpoint of a subscription", () => {
  it("is taken for the push services of the browsers", () => {
    for (const endpoint of [
      `https://${FCM}/fcm/send/abc:DEF`,
      "https://jmt17.google.com/fcm/send/abc",
      "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
      "https://web.push.apple.com/QGu",
      "https://wns2-par02p.notify.windows.com/w/?token=BQY%3d",
      `https://${FCM}:443/x`,
      "HTTPS://FCM.googleapis.com/x",
    ])
      assert.ok(readEndpoint(endpoint, listed) instanceof URL, endpoint);
  });

  it("PH12 is refused for anything else, with the reason", () => {
    const wrong: [endpoint: string, problem: string][] = [
      ["", "not-a-url"],
      ["//fcm.googleapis.com/x", "not-a-url"],
      [`http://${FCM}/x`, "not-https"],
      [`ftp://${FCM}/x`, "not-https"],
      ["file:///etc/passwd", "not-https"],
      ["javascript:alert(1)", "not-https"],
      [`https://${FCM}:444/x`, "port"],
      [`https://${FCM}:80/x`, "port"],
      [`https://me@${FCM}/x`, "credentials"],
      [`https://:secret@${FCM}/x`, "credentials"],
      [`https://${FCM}/${"a".repeat(1024)}`, "too-long"],
      ["https://example.com/x", "unlisted-host"],
      [`https://${FCM}.example.com/x`, "unlisted-host"],
      [`https://x.${FCM}/x`, "unlisted-host"],
      ["https://xfcm.googleapis.com/x", "unlisted-host"],
      [`https://${FCM}./x`, "unlisted-host"],
      ["https://push.apple.com/x", "unlisted-host"],
      ["https://xpush.apple.com/x", "unlisted-host"],
      ["https://evil.com\\@fcm.googleapis.com/x", "unlisted-host"],
      [`https://evil.com#@${FCM}/x`, "unlisted-host"],
      ["https://142.250.185.74/x", "unlisted-host"],
    ];
    for (const [endpoint, problem] of wrong) assert.equal(readEndpoint(endpoint, listed), problem, endpoint);
  });

  it("PH12 is never an address or a name of this network, even where any host is taken", () => {
    for (const host of [
      "127.0.0.1",
      "2130706433",
      "0x7f.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "8.8.8.8",
      "localhost",
      "redis",
      "metadata",
      "a.b.",
    ])
      assert.equal(readEndpoint(`https://${host}/x`, any), "unlisted-host", host);
    assert.ok(readEndpoint("https://push.example.org/x", any) instanceof URL);
  });

  it("is taken for hosts that the operator lists", () => {
    const own = hostRule(["Push.example.org", "*.up.example.net"]);
    assert.ok(readEndpoint("https://push.example.org/x", own) instanceof URL);
    assert.ok(readEndpoint("https://a.up.example.net/x", own) instanceof URL);
    assert.equal(readEndpoint("https://up.example.net/x", own), "unlisted-host");
    assert.ok(readEndpoint(`https://${FCM}/x`, own) instanceof URL);
  });

  it("PH12 comes with a key on the curve and a secret of exactly 16 bytes", () => {
    const keys = newKeys();
    const endpoint = `https://${FCM}/x`;
    assert.ok(typeof readSubscription({ endpoint, ...keys }, listed) !== "string");
    const point = Buffer.from(keys.p256dh, "base64url");
    const offCurve = Buffer.from(point);
    offCurve[64] = (offCurve[64] ?? 0) ^ 1;
    const compressed = Buffer.concat([Buffer.from([2 + ((point[64] ?? 0) & 1)]), point.subarray(1, 33)]);
    for (const bad of [
      offCurve,
      compressed,
      point.subarray(0, 64),
      Buffer.alloc(65),
      Buffer.concat([Buffer.from([4]), Buffer.alloc(64)]),
    ])
      assert.equal(readSubscription({ endpoint, ...keys, p256dh: bad.toString("base64url") }, listed), "p256dh");
    assert.equal(readSubscription({ endpoint, ...keys, p256dh: `${keys.p256dh}=` }, listed), "p256dh");
    for (const length of [0, 1, 15, 17, 32]) {
      const auth = randomBytes(length).toString("base64url");
      assert.equal(readSubscription({ endpoint, ...keys, auth }, listed), "auth");
    }
  });
});

/** Counts every try to connect anywhere from this process, before it can have succeeded or failed. */
function countConnections(owner: Owner): () => number {
  let count = 0;
  const connect = Reflect.get(Socket.prototype, "connect") as (...given: unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket, ...given: unknown[]): Socket {
    this.on("connectionAttempt", () => {
      count += 1;
    });
    return Reflect.apply(connect, this, given);
  };
  owner.after(() => {
    Socket.prototype.connect = connect;
  });
  return () => count;
}

describe("a hostile endpoint", () => {
  const push = { text: Buffer.from("{}"), topic: "0".repeat(32), ttlSeconds: 60 };
  const key = vapidKey(Buffer.concat([Buffer.from([1]), randomBytes(31)]).toString("base64url"))!;

  /** Names that lead to private addresses: alone, before or after a public one, and from the second look-up on. */
  function hostileNames(): { hosts: PushHosts; names: string[] } {
    const hosts: Record<string, PushHosts[string]> = {};
    for (const [at, address] of PRIVATE.filter((each) => !each.includes("%")).entries()) {
      hosts[`alone-${at}.push.apple.com`] = { addresses: [address] };
      hosts[`first-${at}.push.apple.com`] = { addresses: [address, "8.8.8.8"] };
      hosts[`last-${at}.push.apple.com`] = { addresses: ["8.8.8.8", "2607:f8b0:4004:c07::5f", address] };
      hosts[`any-${at}.example.org`] = { addresses: [address] };
    }
    hosts["nothing.push.apple.com"] = { addresses: [] };
    return { hosts, names: Object.keys(hosts) };
  }

  it("PH12 is connected to by none of 1,000", async (t) => {
    const { hosts, names } = hostileNames();
    t.after(leadPushHosts(hosts));
    const connections = countConnections(t);
    const hostsOfUrls = PRIVATE.map((address) => (address.includes(":") ? `[${address.replace(/%.*/, "")}]` : address));
    const endpoints = [
      ...names.map((name) => `https://${name}/x`),
      ...hostsOfUrls.flatMap((host) => [
        `https://${host}/x`,
        `https://${host}:8443/x`,
        `https://user:pass@${host}/x`,
        `http://${host}/x`,
      ]),
      ...hostsOfUrls.flatMap((host) => [
        `https://${FCM}@${host}/x`,
        `https://${host}\\@${FCM}/x`,
        `https://${host}#${FCM}`,
        `https://${host}?${FCM}`,
      ]),
      ...["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "①②⑦.0.0.1", "localhost", "redis"].flatMap((host) => [
        `https://${host}/x`,
        `https://${host}:6379/`,
        `gopher://${host}/x`,
      ]),
    ];
    while (endpoints.length < 1000)
      endpoints.push(`https://${names[endpoints.length % names.length] ?? ""}/${endpoints.length}`);
    // Where any host is taken the look-up is the only guard.
    const send = pushSender(any, null, () => new Date());
    const keys = newKeys();
    const results = await Promise.all(endpoints.map((endpoint) => send({ endpoint, ...keys }, key, push)));
    assert.ok(results.length >= 1000);
    assert.deepEqual(new Set(results.map(({ kind }) => kind)), new Set(["forbidden"]));
    assert.equal(connections(), 0);
  });

  it("PH12 is not connected to when its name leads elsewhere after the check, and the address checked is the one used", async (t) => {
    let looks = 0;
    const connections = countConnections(t);
    const server = await startPushServer(t);
    t.after(
      leadPushHosts({
        [FCM]: {
          addresses: () => [looks++ === 0 ? "142.250.185.74" : "127.0.0.1"],
          port: server.port,
        },
      }),
    );
    const send = pushSender(listed, null, () => new Date());
    const subscription = { endpoint: `https://${FCM}/x`, ...newKeys() };
    server.answers((_, res) => res.writeHead(201, { connection: "close" }).end());
    assert.deepEqual(await send(subscription, key, push), { kind: "sent", status: 201 });
    assert.equal(looks, 1); // there is no second look-up between check and connection
    assert.equal(connections(), 1);
    assert.deepEqual(await send(subscription, key, push), { kind: "forbidden", reason: "private-address" });
    assert.equal(connections(), 1);
  });
});
