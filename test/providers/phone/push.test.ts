import assert from "node:assert/strict";
import { createECDH, createPublicKey, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import ece from "http_ece";
import jwt from "jsonwebtoken";

import { encryptPush } from "../../../src/providers/phone/encrypt-push.js";
import { notificationText } from "../../../src/providers/phone/notification-text.js";
import { hostRule } from "../../../src/providers/phone/push-endpoint.js";
import { type PushResult, pushSender, pushTopic } from "../../../src/providers/phone/send-push.js";
import { type VapidKey, vapidKey } from "../../../src/providers/phone/vapid.js";
import { startPushServer } from "../../kit/push-server.js";

const HOST = "updates.push.services.mozilla.com";
const NOW = new Date("2026-11-28T10:00:00.000Z");
const KEY = newVapidKey();
const libraries = createRequire(new URL("../../../sandbox/test/libraries/package.json", import.meta.url));

function newVapidKey(): VapidKey {
  const key = vapidKey(Buffer.concat([Buffer.from([1]), randomBytes(31)]).toString("base64url"));
  assert.ok(key !== null);
  return key;
}

/** A browser's side of a subscription. */
function newReceiver(path = "/wpush/v2/abc") {
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  const auth = randomBytes(16);
  return {
    subscription: {
      endpoint: `https://${HOST}${path}`,
      p256dh: ecdh.getPublicKey("base64url"),
      auth: auth.toString("base64url"),
    },
    read: (body: Buffer) => ece.decrypt(body, { version: "aes128gcm", privateKey: ecdh, authSecret: auth }).toString(),
  };
}

const sender = () => pushSender(hostRule([]), "mailto:ops@example.com", () => NOW);
const PUSH = { text: Buffer.from('{"id":"c1"}'), topic: pushTopic("c1"), ttlSeconds: 119.7 };

describe("encrypting a push", () => {
  it("reproduces the example of RFC 8291, section 5", () => {
    const b = (text: string): Buffer => Buffer.from(text, "base64url");
    const privateKey = createECDH("prime256v1");
    privateKey.setPrivateKey(b("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"));
    const text = Buffer.from("When I grow up, I want to be a watermelon");
    const keys = {
      p256dh: b("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
      auth: b("BTBZMqHH6r4Tts7J_aSIgg"),
    };
    const body = encryptPush(text, keys, { privateKey, salt: b("DGv6ra1nlYgDCS1FRnbzlw") }, text.length);
    assert.equal(
      body.toString("base64url"),
      "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
    );
  });

  it("PH10 gives every text the same length, and takes none that is longer than all", () => {
    const { subscription, read } = newReceiver();
    const keys = {
      p256dh: Buffer.from(subscription.p256dh, "base64url"),
      auth: Buffer.from(subscription.auth, "base64url"),
    };
    const bodies = ["", "a", "b".repeat(1024)].map((text) => ({ text, body: encryptPush(Buffer.from(text), keys) }));
    for (const { text, body } of bodies) {
      assert.equal(body.length, 86 + 1024 + 1 + 16);
      assert.equal(read(body), text);
    }
    assert.throws(() => encryptPush(Buffer.alloc(1025), keys), RangeError);
  });
});

describe("the text of a push", () => {
  const given = {
    challengeId: "A".repeat(24),
    question: "Sign in to Acme?",
    username: "alice",
    browserLabel: "Firefox on Linux",
    expiresAt: new Date("2026-11-28T10:02:00.000Z"),
  };

  it("is a notification that Safari shows by itself, with what our worker needs", () => {
    assert.deepEqual(JSON.parse(notificationText(given, "https://login.example.com", "t1").toString()), {
      web_push: 8030,
      notification: {
        title: "Sign in to Acme?",
        body: "alice, Firefox on Linux",
        navigate: `https://login.example.com/phone/#request=${given.challengeId}`,
        tag: "t1",
      },
      id: given.challengeId,
      until: "2026-11-28T10:02:00.000Z",
    });
  });

  it("fits into its padding with the longest names, in the widest letters, at the longest address", () => {
    const wide = "𝔘".repeat(200);
    const url = `https://${"a".repeat(253)}:65535`;
    for (const letter of [wide, '"'.repeat(200)])
      for (const publicUrl of ["https://a.b", url]) {
        const ofLongest = { ...given, question: letter, username: letter, browserLabel: letter };
        assert.ok(notificationText(ofLongest, publicUrl, pushTopic("x")).length <= 1024);
      }
  });
});

describe("sending a push", () => {
  it("is taken by a push service that checks our key and reads our text", async (t) => {
    const server = await startPushServer(t, [HOST]);
    const { subscription, read } = newReceiver();
    assert.deepEqual(await sender()(subscription, KEY, PUSH), { kind: "sent", status: 201 });
    const [push] = server.received;
    assert.ok(push !== undefined);
    assert.equal(push.path, "/wpush/v2/abc");
    assert.equal(read(push.body), '{"id":"c1"}');
    const { ttl, urgency, topic, authorization, "content-encoding": encoding } = push.headers;
    assert.deepEqual({ ttl, urgency, encoding }, { ttl: "119", urgency: "high", encoding: "aes128gcm" });
    assert.match(String(topic), /^[0-9a-f]{32}$/);
    const [, token = "", key = ""] = /^vapid t=([^,]+), k=(\S+)$/.exec(String(authorization)) ?? [];
    assert.equal(key, KEY.publicKey);
    const claims = jwt.verify(token, createPublicKey(KEY.privateKey), {
      algorithms: ["ES256"],
      audience: `https://${HOST}`,
      clockTimestamp: NOW.getTime() / 1000,
    });
    assert.deepEqual(claims, {
      aud: `https://${HOST}`,
      exp: NOW.getTime() / 1000 + 3600,
      sub: "mailto:ops@example.com",
    });
  });

  it("tells apart what a service answers", async (t) => {
    const server = await startPushServer(t, [HOST]);
    const send = sender();
    const { subscription } = newReceiver();
    const inAMinute = new Date(NOW.getTime() + 60_000).toUTCString();
    const later = (status: number, retryAfterSeconds: number | null): PushResult => ({
      kind: "later",
      status,
      retryAfterSeconds,
    });
    const expected: [status: number, retryAfter: string | undefined, PushResult][] = [
      [200, undefined, { kind: "sent", status: 200 }],
      [202, undefined, { kind: "sent", status: 202 }],
      [404, undefined, { kind: "gone", status: 404 }],
      [410, undefined, { kind: "gone", status: 410 }],
      [400, undefined, { kind: "refused", status: 400 }],
      [401, undefined, { kind: "refused", status: 401 }],
      [403, undefined, { kind: "refused", status: 403 }],
      [413, undefined, { kind: "refused", status: 413 }],
      [429, "7", later(429, 7)],
      [429, inAMinute, later(429, 60)],
      [503, "999999", later(503, 3600)],
      [503, "-1", later(503, 1)],
      [500, "soon", later(500, null)],
      [500, undefined, later(500, null)],
    ];
    for (const [status, retryAfter, result] of expected) {
      server.answers((_, res) => {
        res.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter }).end("why");
      });
      assert.deepEqual(await send(subscription, KEY, PUSH), result, `${status} ${retryAfter ?? ""}`);
    }
    assert.equal(server.received.length, expected.length); // each was asked once
  });

  it("PH13 waits no longer than 3 s for a silent service", async (t) => {
    const server = await startPushServer(t, [HOST]);
    server.answers(() => undefined);
    const started = performance.now();
    const { subscription } = newReceiver();
    const result = await sender()(subscription, KEY, PUSH);
    assert.deepEqual(result, { kind: "later", status: null, retryAfterSeconds: null });
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds > 2.5 && seconds < 4, `${seconds} s`);
  });

  it("PH13 hangs up on an endless answer after a few KiB, and counts its status", async (t) => {
    const server = await startPushServer(t, [HOST]);
    const hungUp = new Promise<number>((resolve) => {
      server.answers((_, res) => {
        res.writeHead(201);
        const endless = setInterval(() => res.write("x".repeat(1000)), 1);
        res.on("close", () => {
          clearInterval(endless);
          resolve(res.socket?.bytesWritten ?? 0);
        });
      });
    });
    const { subscription } = newReceiver();
    const started = performance.now();
    assert.deepEqual(await sender()(subscription, KEY, PUSH), { kind: "sent", status: 201 });
    await hungUp;
    assert.ok(performance.now() - started < 2000); // not by the limit of 3 s
  });

  it("PH12 follows no redirect", async (t) => {
    const server = await startPushServer(t, [HOST]);
    server.answers((_, res) => {
      res.writeHead(307, { location: `https://${HOST}/elsewhere` }).end();
    });
    const { subscription } = newReceiver();
    assert.deepEqual(await sender()(subscription, KEY, PUSH), { kind: "refused", status: 307 });
    assert.equal(server.received.length, 1);
  });

  it("is understood by web-push-testing, which says 410 once the subscription has ended", async (t) => {
    const server = await startPushServer(t, [HOST]);
    const { PushApiModel } = libraries("web-push-testing/src/PushApiModel.js") as { PushApiModel: new () => Model };
    const model = new PushApiModel();
    model.notifyUrl = `https://${HOST}/notify/`;
    const { endpoint, keys, clientHash } = await model.subscribe({
      userVisibleOnly: "true",
      applicationServerKey: KEY.publicKey,
    });
    server.answers(({ headers, body }, res) => {
      const { authorization = "", ttl = "" } = headers;
      const given = { encoding: String(headers["content-encoding"]), authorization, ttl: String(ttl) };
      model.handleNotification(clientHash, given, body).then(
        () => res.writeHead(201).end(),
        (error: unknown) => {
          const { name, message } = error as Error;
          res.writeHead(name === "SubscriptionExpiredError" ? 410 : 400).end(message);
        },
      );
    });
    // It checks the token against the true time.
    const send = pushSender(hostRule([]), null, () => new Date());
    const subscription = { endpoint, p256dh: urlSafe(keys.p256dh), auth: urlSafe(keys.auth) };
    assert.deepEqual(await send(subscription, KEY, PUSH), { kind: "sent", status: 201 });
    assert.deepEqual(model.getNotifications({ clientHash }).messages, ['{"id":"c1"}']);
    model.expireSubscription(clientHash);
    assert.deepEqual(await send(subscription, KEY, PUSH), { kind: "gone", status: 410 });
  });

  it("sends what web-push sends", async (t) => {
    const server = await startPushServer(t, [HOST]);
    const { subscription, read } = newReceiver();
    const send = pushSender(hostRule([]), "mailto:ops@example.com", () => new Date());
    await send(subscription, KEY, PUSH);
    const webPush = libraries("web-push") as WebPush;
    const details = webPush.generateRequestDetails(
      { endpoint: subscription.endpoint, keys: subscription },
      '{"id":"c1"}',
      {
        vapidDetails: {
          subject: "mailto:ops@example.com",
          publicKey: KEY.publicKey,
          privateKey: String(KEY.privateKey.export({ format: "jwk" }).d),
        },
        TTL: 119,
        urgency: "high",
        topic: PUSH.topic,
      },
    );
    const [ours] = server.received;
    assert.ok(ours !== undefined);
    assert.equal(read(ours.body), read(details.body));
    const theirs = Object.fromEntries(
      Object.entries(details.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    for (const name of ["ttl", "urgency", "topic", "content-encoding", "content-type"])
      assert.equal(ours.headers[name], theirs[name], name);
    const claimsOf = (header = "") => {
      const [, token = "", key = ""] = /^vapid t=([^,]+), k=(\S+)$/.exec(header) ?? [];
      const { aud, sub } = jwt.decode(token) as jwt.JwtPayload;
      return { aud, sub, key, algorithm: jwt.decode(token, { complete: true })?.header.alg };
    };
    assert.deepEqual(claimsOf(ours.headers.authorization), claimsOf(theirs["authorization"]));
    // The same subscription decrypts both, header and record size included.
    assert.deepEqual(ours.body.subarray(16, 21), details.body.subarray(16, 21));
  });
});

function urlSafe(base64: string): string {
  return Buffer.from(base64, "base64").toString("base64url");
}

interface Model {
  notifyUrl: string;
  subscribe(options: Record<string, string>): Promise<{
    endpoint: string;
    keys: { p256dh: string; auth: string };
    clientHash: string;
  }>;
  handleNotification(clientHash: string, headers: Record<string, string>, body: Buffer): Promise<unknown>;
  getNotifications(of: { clientHash: string }): { messages: string[] };
  expireSubscription(clientHash: string): void;
}

interface WebPush {
  generateRequestDetails(
    subscription: { endpoint: string; keys: { p256dh: string; auth: string } },
    payload: string,
    options: Record<string, unknown>,
  ): { headers: Record<string, string | number>; body: Buffer };
}
