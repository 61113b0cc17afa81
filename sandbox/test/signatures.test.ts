import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalParams, canonicalQuery, flatPairs, querySignature, sameSignature, signature } from "../signature.js";
import { webhookToken } from "../webhook.js";
import { runSandbox } from "./running.js";
import { vectors } from "./vectors.js";

describe("the signature of a callback", () => {
  for (const vector of vectors.callbacks)
    it(`is the published one: ${vector.id}`, () => {
      const {
        key,
        nonce,
        method,
        url,
        query_string: query,
        canonical_params: canonical,
        expected_signature: expected,
      } = vector;
      if (query !== undefined) {
        assert.equal(canonicalQuery(query), canonical);
        assert.equal(querySignature(key, nonce, url, query), expected);
      } else {
        assert.equal(canonicalParams(vector.body), canonical);
        assert.equal(signature(key, nonce, method, url, vector.body), expected);
      }
    });

  for (const vector of vectors.callbacks_that_must_fail)
    it(`does not match: ${vector.id}`, () => {
      const { key, nonce, method, url, body, presented_signature: presented } = vector;
      assert.equal(sameSignature(presented, signature(key, nonce, method, url, body)), false, vector.why);
    });

  it("is the same whether the data go as a body or, flattened, as a query", () => {
    const body = {
      b: { c: null, a: "x y*", "mixed Case": "&=" },
      list: ["1", "2"],
      empty: {},
      none: [],
      a: true,
      n: 7,
    };
    assert.equal(canonicalQuery(new URLSearchParams(flatPairs(body)).toString()), canonicalParams(body));
  });

  it("works for text that is not valid Unicode", () => {
    assert.equal(canonicalParams({ a: "\ud800" }), "a=%EF%BF%BD");
  });
});

describe("the token of a webhook delivery", () => {
  for (const vector of vectors.webhook_deliveries)
    it(`is the published one: ${vector.id}`, () => {
      assert.equal(webhookToken(vector.signing_key, vector.claims), vector.token);
    });

  for (const vector of vectors.webhook_deliveries_that_must_fail.filter(({ reason }) => !reason.includes("url")))
    it(`is another one with another key: ${vector.id}`, () => {
      const [, payload = ""] = vector.token.split(".");
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
      assert.notEqual(webhookToken(vector.signing_key, claims), vector.token);
    });
});

describe("the signature of a dashboard request", () => {
  for (const vector of vectors.dashboard_request_signatures)
    it(`is the published one: ${vector.id}`, () => {
      const { signing_key: key, nonce, method, url, params, expected_signature: expected } = vector;
      assert.equal(signature(key, nonce, method, url, params), expected);
    });
});

describe("a registration token", () => {
  for (const vector of vectors.registration_tokens)
    it(`is taken in both spellings of the address: ${vector.id}`, async () => {
      const running = await runSandbox({ apiKey: vector.key });
      for (const url of [vector.qr_url, vector.qr_url_seed_form, vector.token]) {
        setClock(running.sandbox, vector.verify_at);
        const scanned = await running.call("POST", "/phone/scan", { url });
        assert.equal(scanned.status, 200, scanned.text);
      }
      const id = encodeURIComponent(vector.claims.context.custom_user_id);
      const path = `/protected/json/registrations/status?custom_user_id=${id}`;
      const status = await running.call("GET", path, undefined, { "x-authy-api-key": vector.key });
      assert.equal(status.at("registration.status"), "completed");
      await running.close();
    });

  for (const vector of vectors.registration_tokens_odd)
    it(`is accepted or refused as expected: ${vector.id}`, async () => {
      const running = await runSandbox({ apiKey: vector.key });
      setClock(running.sandbox, vector.verify_at ?? 1_654_041_700);
      const { status } = await running.call("POST", "/phone/scan", { url: vector.token });
      assert.equal(status, vector.id === "registration-float-times" ? 200 : 400);
      await running.close();
    });
});

function setClock(sandbox: { faults: { clock_skew_seconds: number } }, seconds: number): void {
  sandbox.faults.clock_skew_seconds = seconds - Date.now() / 1000;
}
