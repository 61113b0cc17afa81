import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import jwt from "jsonwebtoken";
import { querySignature, signature } from "../signature.js";
import { receive, type Received, type Receiver } from "./receiver.js";
import { API_KEY, runSandbox, type Running } from "./running.js";

const WEBHOOK_KEY = "WSK_0f1e2d3c4b5a69788796a5b4c3d2e1f0";

async function connected(
  faults: Record<string, unknown> = {},
): Promise<{ running: Running; receiver: Receiver; authyId: number }> {
  const receiver = await receive();
  const running = await runSandbox({ callbackUrl: receiver.url });
  const authyId = await running.scan("42");
  await running.call("PUT", "/faults", faults);
  return { running, receiver, authyId };
}

async function tap({ call, ask }: Running, authyId: number, action = "approve", params = {}): Promise<string> {
  const uuid = await ask(authyId, params);
  await call("POST", `/phone/requests/${uuid}`, { action });
  return uuid;
}

const fits = (receiver: Receiver, { headers, text }: Received): boolean =>
  headers["x-authy-signature"] ===
  signature(API_KEY, headers["x-authy-signature-nonce"] as string, "POST", receiver.url, JSON.parse(text));

const deliveries = async ({ call }: Running): Promise<Record<string, unknown>[]> =>
  (await call("GET", "/deliveries")).at("deliveries") as Record<string, unknown>[];

async function settled(running: Running, state: string): Promise<Record<string, unknown>> {
  for (let turn = 0; turn < 100; turn++) {
    const found = (await deliveries(running)).find((delivery) => delivery["state"] === state);
    if (found) return found;
    await sleep(20);
  }
  throw new Error(`no delivery became ${state}`);
}

describe("a callback", () => {
  it("comes at once after the tap, signed, with everything that the documents name", async () => {
    const { running, receiver, authyId } = await connected();
    const start = performance.now();
    const uuid = await tap(running, authyId, "deny", {
      details: { Account: "asha" },
      hidden_details: { attempt: "7" },
      logos: [{ res: "default", url: "https://cdn.example.net/logo.png" }],
    });
    const [came] = await receiver.atLeast(1);
    const tookMs = came!.at - start;
    assert.ok(tookMs < 1_000, `it took ${tookMs} ms`);
    assert.equal(fits(receiver, came!), true);
    const body = JSON.parse(came!.text) as {
      approval_request: { transaction: object };
      device: object;
      signature: string;
    };
    assert.deepEqual(
      { ...body, approval_request: null, device: null, signature: body.signature.length, device_uuid: null },
      {
        authy_id: authyId,
        device_uuid: null,
        callback_action: "approval_request_status",
        uuid,
        status: "denied",
        approval_request: null,
        signature: 344,
        device: null,
      },
    );
    const { transaction, ...rest } = body.approval_request;
    assert.deepEqual(Object.keys(transaction).sort(), [
      "created_at_time",
      "customer_uuid",
      "details",
      "device_details",
      "device_geolocation",
      "device_signing_time",
      "encrypted",
      "flagged",
      "hidden_details",
      "message",
      "reason",
      "requester_details",
      "status",
      "uuid",
    ]);
    assert.deepEqual((transaction as { hidden_details: object }).hidden_details, { attempt: "7" });
    assert.deepEqual(Object.keys(rest).sort(), ["app_id", "expiration_timestamp", "logos"]);
    assert.equal(Object.keys(body.device).length, 19);
  });

  it("is sent again after a 5xx or no answer, and not after a 4xx", async () => {
    const { running, receiver, authyId } = await connected();
    receiver.answers.push(503, 500, 200, 401);
    await tap(running, authyId);
    await receiver.atLeast(3);
    const delivered = await settled(running, "delivered");
    assert.equal((delivered["attempts"] as unknown[]).length, 3);
    await tap(running, authyId);
    const failed = await settled(running, "failed");
    assert.equal((failed["attempts"] as unknown[]).length, 1);
  });

  it("that cannot be delivered is in the log with the reason", async () => {
    const running = await runSandbox({ callbackUrl: "http://127.0.0.1:9/nobody" });
    await tap(running, await running.scan("42"));
    const failed = await settled(running, "failed");
    const attempts = failed["attempts"] as { error: string }[];
    assert.equal(attempts.length, 3);
    assert.match(attempts[0]!.error, /ECONNREFUSED|bad port/);
  });

  it("is sent by GET with a flat query when so configured, and its signature covers the query", async () => {
    const { running, receiver, authyId } = await connected({ callback_method: "GET" });
    const uuid = await tap(running, authyId, "approve", { details: { "Where from": "Mombasa & Nairobi*" } });
    const [came] = await receiver.atLeast(1);
    const { searchParams, search } = new URL(came!.path, receiver.url);
    assert.equal(came!.method, "GET");
    assert.equal(searchParams.get("uuid"), uuid);
    assert.equal(searchParams.get("approval_request[transaction][details][Where from]"), "Mombasa & Nairobi*");
    const { "x-authy-signature": presented, "x-authy-signature-nonce": nonce } = came!.headers;
    assert.equal(presented, querySignature(API_KEY, nonce as string, receiver.url, search));
  });

  it("is replayed byte by byte", async () => {
    const { running, receiver, authyId } = await connected();
    await tap(running, authyId);
    await settled(running, "delivered");
    const [delivery] = await deliveries(running);
    const again = await running.call("POST", `/deliveries/${delivery!["id"] as string}/replay`, {});
    assert.equal(again.status, 200);
    const [first, second] = await receiver.atLeast(2);
    assert.equal(second!.text, first!.text);
    assert.equal(second!.headers["x-authy-signature"], first!.headers["x-authy-signature"]);
    assert.equal((await deliveries(running))[0]!["replay_of"], delivery!["id"]);
    assert.equal((await running.call("POST", "/deliveries/none/replay", {})).status, 404);
  });
});

describe("the faults of callbacks", () => {
  it("drop a callback, and the request is answered all the same", async () => {
    const { running, receiver, authyId } = await connected({ callbacks: "drop" });
    const uuid = await tap(running, authyId);
    await sleep(100);
    assert.equal(receiver.received.length, 0);
    assert.equal((await deliveries(running))[0]!["state"], "dropped");
    const status = await running.call("GET", `/onetouch/json/approval_requests/${uuid}`);
    assert.equal(status.at("approval_request.status"), "approved");
  });

  it("send a callback twice", async () => {
    const { running, receiver, authyId } = await connected({ callbacks: "duplicate" });
    await tap(running, authyId);
    const [first, second] = await receiver.atLeast(2);
    assert.equal(first!.text, second!.text);
  });

  it("send a callback late", async () => {
    const { running, receiver, authyId } = await connected({ callbacks: "delay", delay_ms: 200 });
    const start = performance.now();
    await tap(running, authyId);
    const [came] = await receiver.atLeast(1);
    const tookMs = came!.at - start;
    assert.ok(tookMs >= 195, `it took ${tookMs} ms`);
  });

  it("sign a callback with another key", async () => {
    const { running, receiver, authyId } = await connected({ callbacks: "bad-signature", callback_times: 1 });
    await tap(running, authyId);
    await tap(running, authyId);
    const came = await receiver.atLeast(2);
    assert.equal(came.filter((each) => fits(receiver, each)).length, 1, "one of two, for it was to happen once");
  });

  it("send two callbacks in the wrong order", async () => {
    const { running, receiver, authyId } = await connected({ callbacks: "reorder" });
    const first = await tap(running, authyId);
    const second = await tap(running, authyId);
    const came = await receiver.atLeast(2);
    assert.deepEqual(
      came.map(({ text }) => (JSON.parse(text) as { uuid: string }).uuid),
      [second, first],
    );
  });

  it("send a callback again after a while", async () => {
    const { running, receiver, authyId } = await connected({ callbacks: "replay", delay_ms: 150 });
    const start = performance.now();
    await tap(running, authyId);
    const [first, second] = await receiver.atLeast(2);
    assert.equal(second!.text, first!.text);
    const tookMs = second!.at - start;
    assert.ok(tookMs >= 145, `it took ${tookMs} ms`);
  });

  it("leave webhook deliveries alone when they are for callbacks only", async () => {
    const receiver = await receive("/webhooks/authy/events");
    const running = await runSandbox({ webhookUrl: receiver.url, webhookSigningKey: WEBHOOK_KEY });
    await running.call("PUT", "/faults", { callbacks: "drop", callback_route: "onetouch" });
    await running.scan("42");
    await receiver.atLeast(1);
  });
});

describe("a webhook delivery", () => {
  for (const encoding of ["json", "form"])
    it(`reports a scan, as ${encoding}, in a token that the signing key verifies`, async () => {
      const receiver = await receive("/webhooks/authy/events");
      const running = await runSandbox({ webhookUrl: receiver.url, webhookSigningKey: WEBHOOK_KEY });
      await running.call("PUT", "/faults", { webhook_encoding: encoding });
      const authyId = await running.scan("attempt-7");
      const [came] = await receiver.atLeast(1);
      const body =
        encoding === "json"
          ? (JSON.parse(came!.text) as { body: string }).body
          : new URLSearchParams(came!.text).get("body")!;
      const claims = jwt.verify(body, WEBHOOK_KEY, { algorithms: ["HS256"] }) as {
        url: string;
        params: { events: { event: string; objects: object }[] };
      };
      assert.equal(claims.url, receiver.url);
      assert.equal(claims.params.events[0]!.event, "user_registration_completed");
      assert.deepEqual(claims.params.events[0]!.objects, {
        registration: { s_authy_id: authyId, s_app_id: 359_137, s_custom_id: "attempt-7" },
      });
    });
});
