import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { openBrowser, type Answer } from "../../kit/browser.js";
import { startProgram } from "../../kit/program.js";
import { vectors } from "../../../sandbox/test/vectors.js";

const [sample] = vectors.callbacks;
const program = await startProgram(
  { after },
  {
    workers: 0,
    env: {
      AUTHY_PRODUCTION_API_KEY: sample?.key ?? "",
      AUTHY_CALLBACK_URL: sample?.url ?? "",
      AUTHY_WEBHOOK_URL: "https://login.example.net/hooks/authy-events",
      AUTHY_WEBHOOK_SIGNING_KEY: vectors.webhook_deliveries[0]?.signing_key ?? "",
    },
  },
);

function send(body: unknown, nonce: string, signature: string | null, method = "POST"): Promise<Answer> {
  return openBrowser(program.web.site).send(method, "/webhooks/authy/onetouch", {
    body: JSON.stringify(body),
    headers: {
      "content-type": "application/json",
      "x-authy-signature-nonce": nonce,
      ...(signature === null ? {} : { "x-authy-signature": signature }),
    },
  });
}

const events = (body: string, type: string): Promise<Answer> =>
  openBrowser(program.web.site).send("POST", "/webhooks/authy/events", { body, headers: { "content-type": type } });

/** Our route answers POST at one address: vectors of other addresses are tried in test/authy. */
const ours = vectors.callbacks.filter(
  ({ method, url, key }) => method === "POST" && url === sample?.url && key === sample.key,
);

/** Those that name another address or key were signed for ours: they are good here. */
const forged = vectors.callbacks_that_must_fail.filter(
  ({ method, url, key }) => method !== "POST" || (url === sample?.url && key === sample.key),
);

describe("the callback's address", () => {
  for (const vector of ours)
    it(`answers the published callback ${vector.id} as its signature deserves`, async () => {
      // Digits or blanks in keys are odd but signed; a key with brackets is refused before anything is judged.
      const hasBrackets = /"[^"]*[[\]][^"]*":/.test(JSON.stringify(vector.body));
      const { status } = await send(vector.body, vector.nonce, vector.expected_signature);
      assert.equal(status, hasBrackets ? 400 : 200);
    });

  for (const vector of forged)
    it(`refuses ${vector.id}`, async () => {
      const { why, id } = vector;
      if (vector.method !== "POST") {
        assert.equal(
          (await send(vector.body, vector.nonce, vector.presented_signature, vector.method)).status,
          405,
          why,
        );
        return;
      }
      assert.equal((await send(vector.body, vector.nonce, vector.presented_signature)).status, 401, id);
    });
});

describe("the events' address", () => {
  for (const vector of vectors.webhook_deliveries)
    it(`takes ${vector.id} as JSON and as a form`, async () => {
      const { json_body: json, form_body: form } = vector as unknown as { json_body: object; form_body: string };
      assert.equal((await events(JSON.stringify(json), "application/json")).status, 200);
      assert.equal((await events(form, "application/x-www-form-urlencoded")).status, 200);
    });

  for (const vector of vectors.webhook_deliveries_that_must_fail)
    it(`refuses ${vector.id}`, async () => {
      assert.equal((await events(JSON.stringify({ body: vector.token }), "application/json")).status, 401);
    });

  it("takes no token that is meant for a QR code", async () => {
    for (const { token } of [...vectors.registration_tokens, ...vectors.registration_tokens_odd])
      assert.equal((await events(JSON.stringify({ body: token }), "application/json")).status, 401);
  });
});
