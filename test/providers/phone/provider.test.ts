import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";

import type { Rows } from "../../../src/domain/deps.js";
import type { Factor, Factors } from "../../../src/domain/factor.js";
import type { Subscribers } from "../../../src/domain/subscriber.js";
import { pushWords } from "../../../src/http/push-words.js";
import { loadTexts } from "../../../src/http/text.js";
import type { PushSubscription } from "../../../src/domain/phone-key.js";
import { phoneProvider } from "../../../src/providers/phone/provider.js";
import type { OutgoingPush, PushResult } from "../../../src/providers/phone/send-push.js";
import { vapidKey } from "../../../src/providers/phone/vapid.js";
import { until } from "../../kit/until.js";

const KEY = vapidKey(Buffer.concat([Buffer.from([1]), randomBytes(31)]).toString("base64url"))!;
const NOW = new Date("2026-11-28T10:00:00.000Z");
const PUSH = {
  message: "Sign in to Acme?",
  details: { Account: "ada", From: "203.0.113.9", Browser: "Firefox on Linux", Time: "10:00", Code: "123456" },
  challengeId: "c".repeat(24),
  secondsToExpire: 120,
};

/** A provider whose push services answer what the test says, by endpoint. */
function withServices(answers: Readonly<Record<string, PushResult>>, vapid: Readonly<Record<string, string>> = {}) {
  const subscriptions = Object.keys(answers).map((endpoint): PushSubscription => {
    const made = { p256dh: "p", auth: "a", createdAt: NOW };
    return { ...made, endpoint, factorId: `factor of ${endpoint}`, vapid: vapid[endpoint] ?? KEY.publicKey };
  });
  const [removed, told, sent, recorded]: [string[], string[], (OutgoingPush & { to: string })[], string[]] = [
    [],
    [],
    [],
    [],
  ];
  const factors = subscriptions.map(({ factorId }) => {
    const subscriberId = "ada";
    return { id: factorId, subscriberId, type: "phone", label: `phone at ${factorId}` } as Factor;
  });
  const pushSubscriptions = {
    findOf: (ids: readonly string[]) => Promise.resolve(subscriptions.filter(({ factorId }) => ids.includes(factorId))),
    remove(factorId: string, endpoint?: string) {
      removed.push(`${factorId} ${endpoint ?? ""}`);
      return Promise.resolve(true);
    },
    replace: () => Promise.resolve(),
  };
  const audit = {
    record({ kind, detail, subscriberId }: { kind: string; detail?: string; subscriberId: string }) {
      recorded.push(`${subscriberId}: ${kind} ${detail ?? ""}`);
      return Promise.resolve();
    },
  };
  const provider = phoneProvider(
    {
      phoneKeys: {} as never,
      factors: { listActive: () => Promise.resolve(factors) } as unknown as Factors,
      pushSubscriptions,
      transaction: (work) => work({ pushSubscriptions, audit } as unknown as Rows),
      subscribers: { find: () => Promise.resolve(null) } as unknown as Subscribers,
      pushWords: () => pushWords(loadTexts(["en"]), "en"),
      feed: { publish: () => undefined, changed: (id) => told.push(id) },
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => NOW,
      send(subscription, _key, push) {
        sent.push({ ...push, to: subscription.endpoint });
        return Promise.resolve(answers[subscription.endpoint] ?? { kind: "refused", status: 400 });
      },
    },
    { publicUrl: "https://login.example.com", sessionKeys: ["k"], vapidKeys: [KEY] },
  );
  return { removed, told, sent, recorded, send: () => provider.asks!.send(factors, PUSH) };
}

describe("asking phones of our own", () => {
  it("tells every open page, and rings every phone that can be rung", async () => {
    const { send, told, sent } = withServices({ a: { kind: "sent", status: 201 }, b: { kind: "sent", status: 201 } });
    assert.deepEqual(await send(), { ref: PUSH.challengeId, reach: "ringing", unreached: [] });
    assert.deepEqual(told, ["factor of a", "factor of b"]);
    assert.deepEqual(
      sent.map(({ ttlSeconds }) => ttlSeconds),
      [120, 120],
    );
    assert.equal(sent[0]?.topic, sent[1]?.topic);
  });

  it("PH10 puts neither code nor address into what a lock screen shows", async () => {
    const { send, sent } = withServices({ a: { kind: "sent", status: 201 } });
    await send();
    const text = sent[0]?.text.toString() ?? "";
    assert.match(text, /ada, Firefox on Linux/);
    assert.doesNotMatch(text, /123456|203\.0\.113\.9/);
    assert.doesNotMatch(sent[0]?.topic ?? "", new RegExp(PUSH.challengeId));
  });

  it("PH14 forgets the subscription that has ended, that one alone, and tells its owner and the other phones", async () => {
    const { send, sent, removed, recorded } = withServices({
      gone: { kind: "gone", status: 410 },
      refused: { kind: "refused", status: 403 },
      later: { kind: "later", status: 429, retryAfterSeconds: 5 },
      well: { kind: "sent", status: 201 },
    });
    const unreached = [{ factorId: "factor of later", afterSeconds: 5 }];
    assert.deepEqual(await send(), { ref: PUSH.challengeId, reach: "ringing", unreached });
    assert.deepEqual(removed, ["factor of gone gone"]);
    assert.deepEqual(recorded, ["ada: notifications-ended phone at factor of gone"]);
    await until(() => sent.length === 7, "the other phones were not told");
    const notices = sent.slice(4);
    assert.deepEqual(
      notices.map(({ to }) => to),
      ["refused", "later", "well"],
    );
    for (const { text } of notices) assert.match(text.toString(), /phone at factor of gone is no longer notified/);
  });

  it("PH13 lists the request where no push service takes it: the open page still answers", async () => {
    const { send } = withServices({ a: { kind: "later", status: null, retryAfterSeconds: null } });
    const unreached = [{ factorId: "factor of a", afterSeconds: null }];
    assert.deepEqual(await send(), { ref: PUSH.challengeId, reach: "listed", unreached });
    assert.deepEqual(await withServices({}).send(), { ref: PUSH.challengeId, reach: "listed", unreached: [] });
  });

  it("sends nothing with another key than the one that a subscription was made with", async () => {
    const { send, sent } = withServices({ a: { kind: "sent", status: 201 } }, { a: "a key of before" });
    assert.deepEqual(await send(), { ref: PUSH.challengeId, reach: "listed", unreached: [] });
    assert.deepEqual(sent, []);
  });
});
