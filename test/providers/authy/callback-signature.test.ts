import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { callbackNotice } from "../../../src/providers/authy/callback-notice.js";
import {
  canonicalPairs,
  canonicalParams,
  hasGoodSignature,
  type Json,
} from "../../../src/providers/authy/callback-signature.js";
import { vectors } from "../../../sandbox/test/vectors.js";

type Body = Record<string, Json>;

describe("the signature of a callback", () => {
  for (const vector of vectors.callbacks)
    it(`takes ${vector.id}`, () => {
      const { key, nonce, method, url, expected_signature: signature } = vector;
      const query = vector.query_string === undefined ? null : new Map(new URLSearchParams(vector.query_string));
      const body = vector.body as Body;
      assert.equal(query === null ? canonicalParams(body) : canonicalPairs(query), vector.canonical_params);
      assert.equal(hasGoodSignature({ nonce, method, url, params: query ?? body }, signature, key), true);
    });

  for (const vector of vectors.callbacks_that_must_fail)
    it(`refuses ${vector.id}`, () => {
      const { key, nonce, url, presented_signature: signature } = vector;
      // A callback under another method is refused by the route; here it stands for a text that was signed otherwise.
      const method = vector.method as "POST";
      const isGood = hasGoodSignature({ nonce, method, url, params: vector.body as Body }, signature ?? "", key);
      assert.equal(isGood, false, vector.why);
    });

  it("takes either way to write * and ~, and says the same of one body however its members are ordered", () => {
    const body = { "a*": "x~y", b: "2" };
    assert.equal(canonicalParams(body, "rails"), "a%2A=x~y&b=2");
    assert.equal(canonicalParams(body, "raw-star"), "a*=x~y&b=2");
    assert.equal(canonicalParams(body, "escaped-tilde"), "a%2A=x%7Ey&b=2");
    assert.equal(canonicalParams({ b: "2", "a*": "x~y" }), canonicalParams(body));
  });

  it("leaves out what is empty itself, and keeps the place of what only holds such", () => {
    assert.equal(canonicalParams({ a: {}, b: [], c: "1" }), "c=1");
    assert.equal(canonicalParams({ a: { b: {} }, c: "1" }), "&c=1");
  });

  it("stops at a depth that no callback has", () => {
    let deep: Json = "x";
    for (let levels = 0; levels < 5000; levels += 1) deep = { a: deep };
    assert.throws(() => canonicalParams({ a: deep }), RangeError);
  });
});

describe("what a callback says", () => {
  for (const vector of vectors.callbacks.filter(({ body }) => body !== undefined))
    it(`is read strictly: ${vector.id}`, () => {
      const body = vector.body as Body;
      const notice = callbackNotice(body, vector.expected_signature);
      const isAboutARequest = body["callback_action"] === "approval_request_status" && typeof body["uuid"] === "string";
      assert.equal(
        notice !== null,
        isAboutARequest && ["approved", "denied", "expired"].includes(body["status"] as string),
      );
      if (notice === null) return;
      assert.equal(notice.providerRef, body["uuid"]);
      assert.equal(notice.status, body["status"]);
      assert.equal(notice.providerId, String(body["authy_id"] as number));
    });
});
