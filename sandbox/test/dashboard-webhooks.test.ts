import assert from "node:assert/strict";
import { describe, it } from "node:test";
import jwt from "jsonwebtoken";
import { signature } from "../signature.js";
import { receive } from "./receiver.js";
import { runSandbox, type Answer, type Running } from "./running.js";
import { vectors } from "./vectors.js";

const PATH = "/dashboard/json/application/webhooks";
const KEYS = { app_api_key: "dash-app-api-key-0001", access_key: "dash-access-key-0002" };
const SIGNING_KEY = "dash-signing-key-0003";
const dashboard = { appApiKey: KEYS.app_api_key, accessKey: KEYS.access_key, signingKey: SIGNING_KEY };

async function signed(
  { url, call }: Running,
  method: string,
  path: string,
  params: object,
  key = SIGNING_KEY,
): Promise<Answer> {
  const nonce = String(Date.now());
  const headers = {
    "x-authy-signature-nonce": nonce,
    "x-authy-signature": signature(key, nonce, method, url + path, params),
  };
  if (method === "GET")
    return call(
      method,
      `${path}?${new URLSearchParams(params as Record<string, string>).toString()}`,
      undefined,
      headers,
    );
  return call(method, path, params, headers);
}

describe("the dashboard's webhooks", () => {
  it("take the published requests as they are, signed for Authy's own address", async () => {
    const { call } = await runSandbox({ dashboard });
    for (const {
      id,
      method,
      url,
      nonce,
      params,
      expected_signature: presented,
    } of vectors.dashboard_request_signatures) {
      const headers = { "x-authy-signature-nonce": nonce, "x-authy-signature": presented };
      const { pathname } = new URL(url);
      const form = formOf(params);
      const answer =
        method === "GET"
          ? await call(method, `${pathname}?${form}`, undefined, headers)
          : await call(method, pathname, form, { ...headers, "content-type": "application/x-www-form-urlencoded" });
      assert.equal(answer.status, id === "webhook-delete" ? 404 : 200, answer.text);
    }
  });

  it("are created, get the events that they asked for, are listed and deleted", async () => {
    const receiver = await receive("/hook");
    const running = await runSandbox({ dashboard, appId: 359_137 });
    const events = ["user_removed", "one_touch_request_responded"];
    const made = await signed(running, "POST", PATH, { ...KEYS, url: receiver.url, name: "mine", events });
    assert.equal(made.at("message"), "Webhook created");
    const wanted = vectors.api_responses.find(({ id }) => id === "webhook-created")!.body as { webhook: object };
    for (const name of Object.keys(wanted.webhook)) assert.ok(made.at(`webhook.${name}`) !== undefined, name);

    const authyId = await running.scan("42");
    await running.call("POST", `/phone/requests/${await running.ask(authyId)}`, { action: "approve" });
    await running.call("POST", `/protected/json/users/${authyId}/remove`);
    const came = await receiver.atLeast(2);
    const heard = came.map(({ text }) => {
      const token = (JSON.parse(text) as { body: string }).body;
      const claims = jwt.verify(token, made.at("webhook.signing_key") as string, { algorithms: ["HS256"] });
      return (claims as { params: { events: { event: string }[] } }).params.events[0]!.event;
    });
    assert.deepEqual(heard.sort(), [...events].sort());

    assert.equal((await signed(running, "GET", PATH, KEYS)).at("webhooks.0.id"), made.at("webhook.id"));
    const one = `${PATH}/${made.at("webhook.id") as string}`;
    assert.equal((await signed(running, "DELETE", one, KEYS)).at("message"), "Webhook deleted");
    assert.equal((await signed(running, "DELETE", one, KEYS)).status, 404);
  });

  it("refuse wrong keys, a wrong signature, unknown events, and everything while they are off", async () => {
    const running = await runSandbox({ dashboard });
    const codes = [
      await signed(running, "GET", PATH, { ...KEYS, app_api_key: "x" }),
      await signed(running, "GET", PATH, { ...KEYS, access_key: "x" }),
      await signed(running, "GET", PATH, KEYS, "another-key"),
      await signed(running, "POST", PATH, { ...KEYS, url: "http://a.example/", name: "n", events: ["dinner"] }),
      await signed(await runSandbox(), "GET", PATH, KEYS),
    ].map(({ at }) => at("error_code"));
    assert.deepEqual(codes, ["60073", "60072", "60087", "60098", "60074"]);
  });
});

function formOf(params: Record<string, unknown>): string {
  const pairs = Object.entries(params).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((each) => [`${name}[]`, String(each)]) : [[name, String(value)]],
  );
  return new URLSearchParams(pairs as [string, string][]).toString();
}
