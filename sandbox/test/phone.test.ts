import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, it } from "node:test";
import { EventSource } from "eventsource";
import { API_KEY, runSandbox } from "./running.js";

describe("scanning", () => {
  it("gives each scan an account of its own, and the same phone the same authy_id", async () => {
    const { scan } = await runSandbox();
    const ids = [await scan("1"), await scan("2"), await scan("3", "Asha"), await scan("4", "Asha")];
    assert.equal(new Set(ids).size, 3);
    assert.equal(ids[2], ids[3]);
  });

  it("knows a phone by name, number, id or authy_id", async () => {
    const { scan, call } = await runSandbox();
    const authyId = await scan("1", "+1 (202) 555-0177");
    const phone = (await call("GET", "/phone/state")).at("state.phones.0") as { id: string; number: string };
    assert.equal(phone.number, "+1 202 555 0177");
    for (const name of [phone.number, "2025550177", phone.id, String(authyId)])
      assert.equal(await scan("2", name), authyId);
  });

  it("refuses a code with another key, expired, from the future, for another application, and text that is not a code", async () => {
    const { call, qrCode } = await runSandbox({ appId: 1 });
    const now = Math.floor(Date.now() / 1000);
    const context = { custom_user_id: "1", authy_app_id: "1" };
    const urls = [
      qrCode("1", { context }).replace(/.$/, (last) => (last === "A" ? "B" : "A")),
      qrCode("1", { context, exp: now - 1 }),
      qrCode("1", { context, iat: now + 120, exp: now + 400 }),
      qrCode("1"),
      qrCode("1", { context: { authy_app_id: "1" } }),
      "https://example.org/",
    ];
    const codes = [];
    for (const url of urls) {
      const { status, at } = await call("POST", "/phone/scan", { url });
      assert.equal(status, 400);
      codes.push(at("code"));
    }
    assert.deepEqual(codes, [
      "token_invalid",
      "token_expired",
      "token_from_future",
      "wrong_application",
      "token_incomplete",
      "token_invalid",
    ]);
  });

  it("keeps the first phone that scanned a code in the registration's status", async () => {
    const { scan, call } = await runSandbox();
    const [first] = [await scan("42"), await scan("42")];
    assert.equal(
      (await call("GET", "/protected/json/registrations/status?custom_user_id=42")).at("registration.authy_id"),
      first,
    );
  });
});

describe("requests on the phone", () => {
  it("are listed newest first with the documented fields and no others", async () => {
    const { scan, ask, call } = await runSandbox();
    const authyId = await scan("42");
    await ask(authyId);
    const uuid = await ask(authyId, {
      details: { Account: "asha" },
      hidden_details: { secret: "x" },
      seconds_to_expire: 0,
    });
    const [newest, older] = (await call("GET", "/phone/requests")).at("requests") as Record<string, unknown>[];
    const expected = {
      uuid,
      authy_id: authyId,
      message: "Sign in to Acme?",
      details: { Account: "asha" },
      status: "pending",
      expires_at: null,
    };
    assert.deepEqual(newest, expected);
    const secondsLeft = (Date.parse(older!["expires_at"] as string) - Date.now()) / 1000;
    assert.equal(Math.ceil(secondsLeft / 60), 2);
  });

  it("are answered once, in time, and by approve or deny only", async () => {
    const { scan, ask, call } = await runSandbox();
    const uuid = await ask(await scan("42"));
    assert.equal((await call("POST", `/phone/requests/${uuid}`, { action: "maybe" })).status, 400);
    assert.deepEqual((await call("POST", `/phone/requests/${uuid}`, { action: "deny" })).body, {
      uuid,
      status: "denied",
    });
    assert.equal((await call("POST", `/phone/requests/${uuid}`, { action: "approve" })).status, 409);
    assert.equal((await call("POST", "/phone/requests/none", { action: "approve" })).status, 404);
  });

  it("are held to Authy's limits", async () => {
    const { scan, call } = await runSandbox();
    const path = `/onetouch/json/users/${await scan("42")}/approval_requests`;
    const logo = { res: "default", url: "https://cdn.example.net/logo.png" };
    const good: object[] = [
      { message: "x".repeat(144) },
      {
        message: "x",
        details: { ["k".repeat(20)]: "v".repeat(200) },
        hidden_details: { ["k".repeat(200)]: "v".repeat(200) },
      },
      { message: "x", details: {}, hidden_details: null, logos: [], seconds_to_expire: null },
      { message: "x", seconds_to_expire: "60", logos: [logo] },
    ];
    const bad: object[] = [
      {},
      { message: "" },
      { message: " " },
      { message: ["x"] },
      { message: "x".repeat(145) },
      { message: "x", details: { ["k".repeat(21)]: "v" } },
      { message: "x", details: { k: "v".repeat(201) } },
      { message: "x", details: { k: { deep: "v" } } },
      { message: "x", details: ["k"] },
      { message: "x", hidden_details: { k: "v".repeat(201) } },
      { message: "x", seconds_to_expire: -1 },
      { message: "x", seconds_to_expire: 1.5 },
      { message: "x", seconds_to_expire: "soon" },
      { message: "x", logos: [{ ...logo, res: "low" }] },
      { message: "x", logos: [{ ...logo, res: "huge" }] },
      { message: "x", logos: [{ ...logo, url: `https://x/${"y".repeat(500)}` }] },
    ];
    for (const params of good)
      assert.equal((await call("POST", path, params)).status, 200, JSON.stringify(params).slice(0, 80));
    for (const params of bad) {
      const { status, at } = await call("POST", path, params);
      assert.deepEqual([status, at("error_code")], [400, "60004"], JSON.stringify(params).slice(0, 80));
    }
  });
});

describe("codes", () => {
  it("are seven digits, and the next one is shown when one was spent", async () => {
    const { scan, code, call } = await runSandbox();
    const authyId = await scan("42");
    for (let turn = 0; turn < 3; turn++) {
      const shown = await code(authyId);
      assert.match(shown, /^\d{7}$/);
      assert.equal((await call("GET", `/protected/json/verify/${shown}/${authyId}?force=true`)).at("success"), "true");
      assert.equal(
        (await call("GET", `/protected/json/verify/${shown}/${authyId}?force=true`)).at("error_code"),
        "60019",
      );
    }
  });

  it("of any authenticator app are accepted once it has a secret", async () => {
    const { scan, call, url } = await runSandbox({ appName: "Acme" });
    const authyId = await scan("42");
    const secret = await call("POST", `/protected/json/users/${authyId}/secret`, { label: "asha", qr_size: 200 });
    assert.deepEqual([secret.at("label"), secret.at("issuer")], ["asha", "Acme"]);
    const picture = await fetch(secret.at("qr_code") as string);
    assert.match(secret.at("qr_code") as string, new RegExp(`^${url}`));
    assert.equal(picture.headers.get("content-type"), "image/png");
    assert.equal((await call("POST", `/protected/json/users/${authyId}/secret`, { qr_size: "wide" })).status, 400);
  });

  it("by mail can be verified", async () => {
    const { scan, call } = await runSandbox();
    const authyId = await scan("42");
    assert.match((await call("POST", `/protected/json/email/${authyId}`)).at("email_id") as string, /^EM/);
    const token = (await call("GET", "/phone/messages")).at("messages.0.code") as string;
    assert.equal((await call("GET", `/protected/json/verify/${token}/${authyId}`)).at("token"), "is valid");
  });

  it("are not checked for a user who never finished registering, unless forced: Authy's own trap", async () => {
    const { call } = await runSandbox();
    const user = { email: "asha@example.org", cellphone: "2025550190", country_code: "1" };
    const authyId = (await call("POST", "/protected/json/users/new", { user })).at("user.id") as number;
    const id = (await call("GET", "/phone/state")).at("state.phones.0.id") as string;
    await call("PUT", `/phone/phones/${id}`, { installed: false });
    assert.equal((await call("GET", `/protected/json/verify/0000000/${authyId}`)).status, 200);
    assert.equal((await call("GET", `/protected/json/verify/0000000/${authyId}?force=true`)).status, 401);
  });
});

describe("users", () => {
  it("are updated, and their devices removed", async () => {
    const { scan, call } = await runSandbox();
    const authyId = await scan("42");
    assert.equal(
      (await call("POST", `/protected/json/users/${authyId}/update`, { email: "new@example.org" })).at("message"),
      "User was updated successfully",
    );
    assert.equal(
      (await call("POST", `/protected/json/users/${authyId}/update`, { email: "none" })).at("error_code"),
      "60038",
    );
    const status = await call("GET", `/protected/json/users/${authyId}/status`);
    assert.equal(status.at("status.email"), "new@example.org");
    const device = status.at("status.detailed_devices.0.device_id") as number;
    assert.equal((await call("DELETE", `/protected/json/sdk/devices/${device}`)).at("success"), true);
    assert.equal((await call("DELETE", `/protected/json/sdk/devices/${device}`)).at("error_code"), "60092");
    assert.equal((await call("GET", `/protected/json/users/${authyId}/status`)).at("status.registered"), false);
  });

  for (const path of ["/users/ID/remove", "/users/ID/delete", "/users/delete/ID"])
    it(`are removed at ${path}`, async () => {
      const { scan, call } = await runSandbox();
      const id = String(await scan("42"));
      assert.equal((await call("POST", `/protected/json${path.replace("ID", id)}`)).status, 200);
      assert.equal((await call("GET", `/protected/json/users/${id}/status`)).at("error_code"), "60026");
    });
});

describe("parameters", () => {
  it("come as JSON, as a form with brackets, or in the query, and the key in the header or beside them", async () => {
    const { url } = await runSandbox();
    const form = { "user[email]": "asha@example.org", "user[cellphone]": "2025550190", "user[country_code]": "1" };
    const text = new URLSearchParams(form).toString();
    const path = `${url}/protected/json/users/new`;
    const type = { "content-type": "application/x-www-form-urlencoded" };
    const answers = [
      await fetch(`${path}?api_key=${API_KEY}`, { method: "POST", headers: type, body: text }),
      await fetch(`${path}?${text}`, { method: "POST", headers: { "x-authy-api-key": API_KEY } }),
      await fetch(path, { method: "POST", headers: type, body: `${text}&api_key=${API_KEY}` }),
      await fetch(`${path}?api_key=${API_KEY}`, {
        method: "POST",
        headers: { ...type, "x-authy-api-key": "wrong" },
        body: text,
      }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 401],
      "the header wins",
    );
  });
});

describe("the phone's addresses", () => {
  it("take only JSON for a change", async () => {
    const { url, call, qrCode } = await runSandbox();
    const form = { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "url=x" };
    assert.equal((await fetch(`${url}/phone/scan`, form)).status, 415);
    assert.equal(
      (await fetch(`${url}/phone/scan`, { method: "POST", body: JSON.stringify({ url: qrCode("1") }) })).status,
      415,
    );
    assert.equal((await call("PUT", "/faults", "{}", { "content-type": "text/plain" })).status, 415);
  });

  it("refuse other sites and foreign names for this machine", async () => {
    const { url, call } = await runSandbox();
    const json = { "content-type": "application/json" };
    assert.equal((await call("DELETE", "/faults", undefined, { origin: "https://evil.example" })).status, 403);
    assert.equal((await call("PUT", "/faults", {}, { "sec-fetch-site": "cross-site", ...json })).status, 403);
    assert.equal((await call("PUT", "/faults", {}, { origin: url, "sec-fetch-site": "same-origin" })).status, 200);
    assert.equal(await statusWithHost(url, "evil.example"), 421);
    for (const host of ["localhost:4001", "phone.localhost", "192.168.1.7:4001", "[::1]:4001"])
      assert.equal(await statusWithHost(url, host), 200, host);
  });

  it("change nothing on GET, not even for a link with a code", async () => {
    const { call, qrCode } = await runSandbox();
    assert.equal((await call("GET", `/?scan=${encodeURIComponent(qrCode("42"))}`)).status, 200);
    assert.deepEqual((await call("GET", "/phone/state")).at("state.phones"), []);
  });

  it("run no script but the page's own", async () => {
    const { call } = await runSandbox();
    const { headers, text } = await call("GET", "/");
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(text, /<script(?! type="module" src=)|\son\w+=|style=|<style/);
  });
});

describe("the phone's event stream", () => {
  it("sends the current state, then every change", async () => {
    const { url, scan, ask } = await runSandbox();
    const authyId = await scan("42");
    const source = new EventSource(`${url}/phone/events`);
    const states: { requests: { uuid: string; status: string }[] }[] = [];
    const seen = new Promise<void>((resolve) => {
      source.addEventListener("state", ({ data }) => {
        states.push((JSON.parse(data as string) as { state: (typeof states)[number] }).state);
        if (states.at(-1)?.requests[0]?.status === "expired") resolve();
        else if (states.length === 1) void ask(authyId, { seconds_to_expire: 1 });
      });
    });
    await seen;
    source.close();
    const statuses = [...new Set(states.map(({ requests }) => requests[0]?.status))];
    assert.deepEqual(statuses, [undefined, "pending", "expired"], "the end of its time is an event too");
  });
});

function statusWithHost(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${url}/phone/requests`, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}
