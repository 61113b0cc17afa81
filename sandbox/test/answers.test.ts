import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runSandbox, type Running } from "./running.js";
import { vectors } from "./vectors.js";

/** How each published answer is brought about. A path in return is asked instead of the published one. */
const SETTINGS: Record<string, (running: Running) => Promise<{ path?: string; body?: unknown } | undefined>> = {
  "registration-pending": async ({ call }) => {
    await call("PUT", "/faults", { registration_before_scan: "pending" });
    return undefined;
  },
  "registration-completed": async ({ scan }) => {
    await scan("42");
    return undefined;
  },
  "registration-unknown": () => Promise.resolve(undefined),
  "onetouch-created": async ({ scan }) => ({
    path: `/onetouch/json/users/${await scan("42")}/approval_requests`,
    body: { message: "Log in to Acme?" },
  }),
  "onetouch-pending": async (running) => ({ path: await requestPath(running) }),
  "onetouch-approved": async (running) => ({ path: await requestPath(running, "approve") }),
  "onetouch-denied": async (running) => ({ path: await requestPath(running, "deny") }),
  "onetouch-expired": async (running) => {
    const path = await requestPath(running);
    await running.call("PUT", "/faults", { clock_skew_seconds: 121 });
    return { path };
  },
  "onetouch-not-found": () => Promise.resolve(undefined),
  "user-not-found": () => Promise.resolve({ body: { message: "Log in to Acme?" } }),
  "bad-key": () => Promise.resolve(undefined),
  "user-created": () =>
    Promise.resolve({ body: { user: { email: "asha@example.org", cellphone: "712344321", country_code: "254" } } }),
  "user-invalid": () =>
    Promise.resolve({ body: { user: { email: "asha@example.org", cellphone: "12", country_code: "254" } } }),
  "user-status": async ({ call, code }) => {
    const user = { email: "asha@example.org", cellphone: "712344321", country_code: "254" };
    const id = (await call("POST", "/protected/json/users/new", { user })).at("user.id") as number;
    await call("GET", `/protected/json/verify/${await code(id)}/${id}`);
    return { path: `/protected/json/users/${id}/status` };
  },
  "user-removed": async ({ scan }) => ({ path: `/protected/json/users/${await scan("42")}/remove` }),
  "token-valid": async ({ scan, code }) => {
    const id = await scan("42");
    return { path: `/protected/json/verify/${await code(id)}/${id}` };
  },
  "token-invalid": async ({ scan }) => ({ path: `/protected/json/verify/000/${await scan("42")}` }),
  throttled: async ({ call, scan }) => {
    const id = await scan("42");
    await call("PUT", "/faults", { status: 429 });
    return { path: `/onetouch/json/users/${id}/approval_requests`, body: { message: "Log in to Acme?" } };
  },
  "unavailable-html": async ({ call }) => {
    await call("PUT", "/faults", { html: true });
    return undefined;
  },
  "ok-but-false": async ({ call }) => {
    await call("PUT", "/faults", { status: 200 });
    return undefined;
  },
};

/** The dashboard has keys of its own, and a test of its own. */
const ELSEWHERE = ["webhook-created"];

describe("the published answers of the API", () => {
  for (const vector of vectors.api_responses.filter(({ id }) => !ELSEWHERE.includes(id)))
    it(`come in the same shape: ${vector.id}`, async () => {
      const running = await runSandbox({ appName: "Acme Login", appId: 359_137 });
      const setting = await SETTINGS[vector.id]!(running);
      const headers = vector.id === "bad-key" ? { "x-authy-api-key": "wrong" } : {};
      const answer = await running.call(vector.method, setting?.path ?? vector.path, setting?.body, headers);
      assert.equal(answer.status, vector.status, answer.text);
      if (typeof vector.body === "string") assert.equal(answer.text, vector.body);
      else assertSameShape(answer.body, vector.body, vector.id);
      await running.close();
    });

  it("are compact JSON, for one client looks for it in the raw text", async () => {
    const { scan, call, code } = await runSandbox();
    const id = await scan("42");
    const answer = await call("GET", `/protected/json/verify/${await code(id)}/${id}?force=true`);
    assert.match(answer.text, /"token":"is valid"/);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  });
});

async function requestPath(running: Running, action?: "approve" | "deny"): Promise<string> {
  const uuid = await running.ask(await running.scan("42"));
  if (action) await running.call("POST", `/phone/requests/${uuid}`, { action });
  return `/onetouch/json/approval_requests/${uuid}`;
}

/** Members that differ from run to run are held to their kind, all others to their value. */
const VARYING = /^(authy_id|_authy_id|id|_id|app_id|user_id|uuid|device_id|_user_email|.*_at|.*_date)$/;

function assertSameShape(actual: unknown, wanted: unknown, where: string): void {
  if (typeof wanted !== "object" || wanted === null) {
    assert.deepEqual(actual, wanted, where);
    return;
  }
  for (const [name, value] of Object.entries(wanted)) {
    const found = (actual as Record<string, unknown>)[name];
    if (VARYING.test(name)) assert.equal(kind(found), kind(value), `${where}.${name}`);
    else assertSameShape(found, value, `${where}.${name}`);
  }
}

function kind(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) ? "time" : "text";
  return Number.isInteger(value) ? "whole number" : typeof value;
}
