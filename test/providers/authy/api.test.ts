import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";

import { authyClient } from "../../../src/providers/authy/client.js";
import { authyProvider } from "../../../src/providers/authy/provider.js";
import type { Factor } from "../../../src/domain/factor.js";
import type { FactorProvider as Provider } from "../../../src/domain/factor-provider.js";
import { vectors } from "../../../sandbox/test/vectors.js";

const API_KEY = "an-api-key-0123456789abcdef";
const UUID = "4f6d2a10-c3f4-013a-5f0e-0a1b2c3d4e5f";
const PHONE = { providerId: "246813579" } as Factor;
const NOBODY = { providerId: "1" } as Factor;
const PUSH = { message: "Sign in?", details: { Account: "ada" }, challengeId: "a-challenge", secondsToExpire: 120 };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server in Authy's place that answers one way. */
async function authyThat(
  answer: Answer,
  options: ServerOptions = {},
): Promise<{ provider: Provider; seen: IncomingMessage[]; origin: string }> {
  const seen: IncomingMessage[] = [];
  const server = createServer(options, (request, response) => {
    seen.push(request);
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const application = { appName: "Acme", appId: "359137", apiKey: API_KEY, qrPrefix: "authy://account?token=" };
  return { provider: authyProvider(authyClient(origin, API_KEY), application), seen, origin };
}

const json =
  (status: number, body: unknown): Answer =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

/** What the rules ask, and what they must hear, for each published answer. */
const ASKED: Readonly<Record<string, [(provider: Provider) => Promise<unknown> | undefined, unknown]>> = {
  "registration-pending": [(p) => p.enrols.state?.("42"), { state: "pending" }],
  "registration-completed": [(p) => p.enrols.state?.("42"), { state: "completed", providerId: "246813579" }],
  "registration-unknown": [(p) => p.enrols.state?.("99"), { state: "pending" }],
  "onetouch-created": [(p) => p.asks?.send([PHONE], PUSH), { ref: UUID, reach: "ringing" }],
  "onetouch-pending": [(p) => p.asks?.state?.(UUID, PHONE), "pending"],
  "onetouch-approved": [(p) => p.asks?.state?.(UUID, PHONE), "approved"],
  "onetouch-denied": [(p) => p.asks?.state?.(UUID, PHONE), "denied"],
  "onetouch-expired": [(p) => p.asks?.state?.(UUID, PHONE), "expired"],
  "onetouch-not-found": [(p) => p.asks?.state?.(UUID, PHONE), "unknown"],
  "user-not-found": [(p) => p.asks?.send([NOBODY], PUSH), /ProviderRefused/],
  "bad-key": [(p) => p.judges?.verifyCode(PHONE, "4821093"), /ProviderRefused/],
  "user-removed": [(p) => p.remove?.(PHONE), undefined],
  "token-valid": [(p) => p.judges?.verifyCode(PHONE, "4821093"), {}],
  "token-invalid": [(p) => p.judges?.verifyCode(PHONE, "0000000"), null],
  throttled: [(p) => p.asks?.send([PHONE], PUSH), /ProviderThrottled/],
  "unavailable-html": [(p) => p.asks?.state?.(UUID, PHONE), /ProviderUnavailable/],
  "ok-but-false": [(p) => p.asks?.send([NOBODY], PUSH), /ProviderRefused/],
};

describe("Authy's answers", () => {
  for (const vector of vectors.api_responses.filter(({ id }) => id in ASKED))
    it(`are understood: ${vector.id}`, async () => {
      const { provider, seen } = await authyThat(json(vector.status, vector.body));
      const [ask, expected] = ASKED[vector.id] ?? [() => Promise.resolve(), null];
      const heard = await ask(provider)?.catch((error: unknown) => error);
      if (expected instanceof RegExp) assert.match(String(heard), expected);
      else assert.deepEqual(heard, expected);
      if (vector.id.startsWith("onetouch") || vector.id.startsWith("registration"))
        assert.equal(seen[0]?.method, vector.method);
      assert.equal(seen[0]?.headers["x-authy-api-key"], API_KEY);
    });

  it("about another phone or another request are neither yes nor no", async () => {
    const body = (more: object): Answer =>
      json(200, { success: true, approval_request: { status: "approved", uuid: UUID, _authy_id: 246813579, ...more } });
    for (const more of [
      { _authy_id: 1 },
      { uuid: "another-request" },
      { status: "APPROVED" },
      { status: ["approved"] },
    ]) {
      const { provider } = await authyThat(body(more));
      assert.equal(await provider.asks?.state?.(UUID, PHONE), "unknown");
    }
  });

  it("that are odd never count as a right code", async () => {
    for (const body of [
      { success: true },
      { success: "true", token: "is VALID" },
      { success: true, token: true },
      {},
      [],
      "ok",
    ]) {
      const { provider } = await authyThat(json(200, body));
      const judged = await provider.judges?.verifyCode(NOBODY, "1234567").catch(() => null);
      assert.equal(judged, null, JSON.stringify(body));
    }
  });

  it("are asked with force=true, so that a code that was used is no code", async () => {
    const { provider, seen } = await authyThat(json(200, { success: "true", token: "is valid" }));
    await provider.judges?.verifyCode(NOBODY, "1234567");
    assert.match(seen[0]?.url ?? "", /\?force=true$/);
  });

  it("with a redirect are refused, and the key does not travel", async () => {
    const other = await authyThat(json(200, { success: true }));
    const { provider } = await authyThat((_request, response) => {
      response.writeHead(302, { location: `${other.origin}/steal` });
      response.end();
    });
    await assert.rejects(async () => provider.remove?.(NOBODY), { name: "ProviderRefused" });
    assert.equal(other.seen.length, 0);
  });

  it("of more than 64 KiB are not read to their end", async () => {
    let sent = 0;
    const { provider } = await authyThat((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const pour = (): void => {
        while (!response.destroyed && sent < 50_000_000) {
          sent += 65_536;
          if (!response.write("x".repeat(65_536))) {
            response.once("drain", pour);
            return;
          }
        }
      };
      pour();
    });
    await assert.rejects(async () => provider.asks?.state?.(UUID, NOBODY), { name: "ProviderUnconfirmed" });
    assert.equal(sent < 20_000_000, true, `${sent} bytes`);
  });

  it("leave idle connections, which our side closes before the server does", async () => {
    const { provider, seen } = await authyThat(json(200, { success: true }), { keepAliveTimeout: 2000 });
    await provider.remove?.(NOBODY);
    const socket = seen[0]?.socket;
    assert.ok(socket, "the request came over a connection");
    const closedBy = await Promise.race([
      once(socket, "end").then(() => "us"),
      once(socket, "close").then(() => "the server"),
    ]);
    assert.equal(closedBy, "us");
  });

  it("that fail say nothing of the key", async () => {
    const { provider } = await authyThat((_request, response) => response.destroy());
    const error = await provider.remove?.(NOBODY).catch((e: unknown) => e);
    const told = `${String(error)} ${(error as Error).stack ?? ""} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
    assert.equal(told.includes(API_KEY), false);
  });
});
