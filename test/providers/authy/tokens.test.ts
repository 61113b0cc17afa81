import assert from "node:assert/strict";
import { describe, it } from "node:test";
import jwt from "jsonwebtoken";

import { registrationToken } from "../../../src/providers/authy/registration-token.js";
import { readWebhookToken } from "../../../src/providers/authy/webhook-token.js";
import { vectors } from "../../../sandbox/test/vectors.js";

const EVENTS_URL = "https://login.example.net/hooks/authy-events";

interface Claims {
  readonly iss: string;
  readonly iat: number;
  readonly exp: number;
  readonly context: { readonly custom_user_id: string; readonly authy_app_id: string };
}

describe("the token of a registration", () => {
  for (const vector of vectors.registration_tokens)
    it(`is the published one, to the letter: ${vector.id}`, () => {
      const { iss, iat, exp, context } = vector.claims as unknown as Claims;
      const enrolment = {
        id: context.custom_user_id,
        createdAt: new Date(iat * 1000),
        expiresAt: new Date(exp * 1000),
      };
      const application = { appName: iss, appId: context.authy_app_id, apiKey: vector.key };
      assert.equal(registrationToken(enrolment, application), vector.token);
    });

  it("has whole seconds, whenever it was made", () => {
    const made = registrationToken(
      { id: "an-id", createdAt: new Date(1_654_041_600_999), expiresAt: new Date(1_654_041_900_001) },
      { appName: "Acme", appId: "1", apiKey: "0123456789abcdef0123456789abcdef" },
    );
    const { iat, exp } = jwt.decode(made) as Claims;
    assert.deepEqual([iat, exp], [1_654_041_600, 1_654_041_900]);
  });
});

describe("the token of an event", () => {
  for (const vector of vectors.webhook_deliveries)
    it(`is taken: ${vector.id}`, () => {
      const notices = readWebhookToken(vector.token, vector.signing_key, EVENTS_URL);
      assert.notEqual(notices, null);
      const events = (vector.claims as { params: { events: { event: string }[] } }).params.events;
      const known = events.filter(({ event }) =>
        ["user_registration_completed", "one_touch_request_responded"].includes(event),
      );
      assert.equal(notices?.length, known.length);
    });

  for (const vector of vectors.webhook_deliveries_that_must_fail)
    it(`is refused: ${vector.id}`, () => {
      assert.equal(readWebhookToken(vector.token, vector.signing_key, EVENTS_URL), null, vector.reason);
    });

  it("is refused under any other algorithm, or under none", () => {
    const key = "WSK_0123456789abcdef";
    const claims = { url: EVENTS_URL, params: { events: [] } };
    assert.notEqual(readWebhookToken(jwt.sign(claims, key), key, EVENTS_URL), null);
    for (const algorithm of ["HS384", "HS512"] as const)
      assert.equal(readWebhookToken(jwt.sign(claims, key, { algorithm }), key, EVENTS_URL), null);
    const [, payload = ""] = jwt.sign(claims, key).split(".");
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
    for (const token of [`${none}.${payload}.`, `${none}.${payload}`, "", "a.b.c"])
      assert.equal(readWebhookToken(token, key, EVENTS_URL), null);
  });
});
