import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { API_ROUTES, noFaults } from "../faults.js";
import { runSandbox, type Answer } from "./running.js";

const DETAILS = "/protected/json/app/details";
const STATS = "/protected/json/app/stats";

/** A sandbox with these faults. */
async function faulty(faults: Record<string, unknown>): ReturnType<typeof runSandbox> {
  const running = await runSandbox();
  const set = await running.call("PUT", "/faults", faults);
  assert.equal(set.status, 200, set.text);
  return running;
}

describe("the faults", () => {
  it("are all off at first, replaced as a whole, and cleared", async () => {
    const { call } = await runSandbox();
    assert.deepEqual((await call("GET", "/faults")).body, noFaults());
    assert.equal((await call("PUT", "/faults", { latency_ms: 5, callbacks: "drop" })).at("callbacks"), "drop");
    const replaced = await call("PUT", "/faults", { status: 503 });
    assert.deepEqual(replaced.body, { ...noFaults(), status: 503 });
    assert.deepEqual((await call("DELETE", "/faults")).body, noFaults());
    assert.deepEqual((await call("GET", "/faults")).body, noFaults());
  });

  const wrong: [string, unknown, RegExp][] = [
    ["an unknown field", { latency: 5 }, /latency/],
    ["a text for a number", { latency_ms: "5" }, /latency_ms/],
    ["a share over 1", { error_rate: 2 }, /error_rate/],
    ["an unknown way with callbacks", { callbacks: "eat" }, /callbacks/],
    ["an unknown route", { route: "home" }, /route/],
    ["a status that is none", { status: 42 }, /status/],
    ["a list", [], /body/],
    ["no JSON", "{", /JSON/],
  ];
  for (const [what, body, named] of wrong)
    it(`are refused with the reason for ${what}`, async () => {
      const { call } = await runSandbox();
      const refused = await call("PUT", "/faults", body);
      assert.equal(refused.status, 400);
      assert.match(refused.at("error") as string, named);
      assert.deepEqual((await call("GET", "/faults")).body, noFaults());
    });

  it("answer every call with a status", async () => {
    const { call } = await faulty({ status: 500 });
    for (const path of [DETAILS, STATS]) assert.equal((await call("GET", path)).status, 500);
    assert.equal((await call("GET", "/phone/requests")).status, 200, "the phone is not the API");
  });

  it("hit one route only", async () => {
    const { call } = await faulty({ status: 503, route: "app-stats" });
    assert.equal((await call("GET", STATS)).status, 503);
    assert.equal((await call("GET", DETAILS)).status, 200);
  });

  it("end after the given number of calls", async () => {
    const { call } = await faulty({ status: 503, times: 2 });
    const statuses = [];
    for (let turn = 0; turn < 4; turn++) statuses.push((await call("GET", DETAILS)).status);
    assert.deepEqual(statuses, [503, 503, 200, 200]);
    assert.deepEqual((await call("GET", "/faults")).body, noFaults());
  });

  it("throttle, with Retry-After in seconds", async () => {
    const { call } = await faulty({ retry_after: 7 });
    const { status, headers, at } = await call("GET", DETAILS);
    assert.deepEqual([status, headers.get("retry-after"), at("error_code")], [429, "7", "60003"]);
  });

  it("throttle, with Retry-After as a date", async () => {
    const date = "Tue, 24 Nov 2026 10:00:00 GMT";
    const { call } = await faulty({ retry_after: date, status: 503 });
    const { status, headers } = await call("GET", DETAILS);
    assert.deepEqual([status, headers.get("retry-after")], [503, date]);
  });

  it("make about the given share of calls fail", async () => {
    const { call } = await faulty({ error_rate: 0.5 });
    const answers: Answer[] = [];
    for (let turn = 0; turn < 60; turn++) answers.push(await call("GET", DETAILS));
    const failed = answers.filter(({ status }) => status === 503).length;
    assert.ok(failed > 10 && failed < 50, `${failed} of 60 failed`);
  });

  it("make a call wait", async () => {
    const { call } = await faulty({ latency_ms: 120 });
    const start = performance.now();
    assert.equal((await call("GET", DETAILS)).status, 200);
    const tookMs = performance.now() - start;
    assert.ok(tookMs >= 118, `it took ${tookMs} ms`);
  });

  it("reset the connection", async () => {
    const { call } = await faulty({ reset: true });
    await assert.rejects(call("GET", DETAILS), (error: Error) =>
      /ECONNRESET|closed/.test(JSON.stringify(error.cause, ["code", "message"])),
    );
  });

  it("send half a body", async () => {
    const { url, call } = await faulty({ truncate: true });
    const response = await fetch(url + DETAILS, {
      headers: { "x-authy-api-key": "sandbox-test-key-0123456789abcdef" },
    });
    assert.equal(response.status, 200);
    await assert.rejects(response.text());
    await call("DELETE", "/faults");
    assert.equal((await call("GET", DETAILS)).status, 200);
  });

  it("send text that is not JSON, or an HTML page", async () => {
    const { call } = await faulty({ not_json: true });
    const plain = await call("GET", DETAILS);
    assert.deepEqual([plain.status, plain.body], [200, null]);
    await call("PUT", "/faults", { html: true });
    const page = await call("GET", DETAILS);
    assert.equal(page.status, 503);
    assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
  });

  it("keep a call from taking effect, unless told otherwise", async () => {
    const { call, scan } = await runSandbox();
    const path = `/onetouch/json/users/${await scan("42")}/approval_requests`;
    await call("PUT", "/faults", { status: 503 });
    await call("POST", path, { message: "lost on the way there" });
    await call("PUT", "/faults", { status: 503, takes_effect: true });
    assert.equal((await call("POST", path, { message: "lost on the way back" })).status, 503);
    const { body } = await call("GET", "/phone/requests");
    assert.deepEqual(
      (body as { requests: { message: string }[] }).requests.map(({ message }) => message),
      ["lost on the way back"],
    );
  });

  it("move the clock", async () => {
    const { call, scan, ask } = await runSandbox();
    const uuid = await ask(await scan("42"), { seconds_to_expire: 3_600 });
    await call("PUT", "/faults", { clock_skew_seconds: 3_601 });
    assert.equal(
      (await call("GET", `/onetouch/json/approval_requests/${uuid}`)).at("approval_request.status"),
      "expired",
    );
    assert.equal((await call("POST", `/phone/requests/${uuid}`, { action: "approve" })).status, 409);
  });

  it("are documented, each with a line that works, and so is every route's name", async () => {
    const { call } = await runSandbox();
    const page = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    const lines = [...page.matchAll(/`faults '(\{.*?\})'`/g)].map(([, body]) => body!);
    const named = new Set<string>();
    for (const body of lines) {
      const { status, text } = await call("PUT", "/faults", body);
      assert.equal(status, 200, `${body}: ${text}`);
      for (const name of Object.keys(JSON.parse(body) as object)) named.add(name);
    }
    assert.deepEqual([...named].sort(), Object.keys(noFaults()).sort());
    for (const name of API_ROUTES) assert.ok(page.includes(`\`${name}\``), name);
  });

  it("are shown on the phone page's state", async () => {
    const { call } = await faulty({ callbacks: "drop" });
    assert.deepEqual((await call("GET", "/phone/state")).at("state.faults"), { callbacks: "drop" });
  });
});
