import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { oldClients, type AuthyNode, type Reply } from "./old-clients.js";
import { receive } from "./receiver.js";
import { API_KEY, runSandbox } from "./running.js";

const UNKNOWN = 1;
const NO_SUCH_UUID = "00000000-0000-4000-8000-000000000000";
const LOGOS = [
  { res: "default", url: "https://cdn.example.net/logo.png" },
  { res: "high", url: "https://cdn.example.net/logo-large.png" },
];
const { Client, authy } = oldClients();
const receiver = await receive();
const { url, call, scan, ask, code } = await runSandbox({ callbackUrl: receiver.url });

/** A user without the Authy app gets texts and calls; with it they are ignored unless forced. */
async function withoutApp(authyId: number): Promise<void> {
  const state = (await call("GET", "/phone/state")).at("state.phones") as { id: string; authy_id: number }[];
  const phone = state.find((phone) => phone.authy_id === authyId)!;
  await call("PUT", `/phone/phones/${phone.id}`, { installed: false });
}

const answer = (uuid: string, action: string): Promise<unknown> => call("POST", `/phone/requests/${uuid}`, { action });
const status = (reply: Reply): unknown => (reply["approval_request"] as Reply)["status"];
const uuidOf = (reply: Reply): string => (reply["approval_request"] as Reply)["uuid"] as string;
const idOf = (reply: Reply): number => (reply["user"] as Reply)["id"] as number;

describe("npm authy-client 1.1.4", () => {
  const client = new Client({ key: API_KEY }, { host: url, timeout: 2_000 });
  const stranger = new Client({ key: "wrong" }, { host: url, timeout: 2_000 });
  const refused = (status: number, errorCode?: string) => (error: { code: number; body?: Reply }) =>
    error.code === status && (errorCode === undefined || error.body?.["error_code"] === errorCode);

  it("registerUser: makes a user, and the same one for the same phone", async () => {
    const first = await client.registerUser({ countryCode: "PT", email: "ana@example.org", phone: "912345678" });
    const second = await client.registerUser({ countryCode: "351", email: "ana.b@example.org", phone: "912345678" });
    assert.equal(idOf(first), idOf(second));
  });

  it("registerUser: is refused with another API key", async () => {
    const user = { countryCode: "US", email: "bo@example.org", phone: "7754615609" };
    await assert.rejects(stranger.registerUser(user), refused(401, "60001"));
  });

  it("getUserStatus: returns a user's status, also with an address in a body", async () => {
    const authyId = await scan("client-status");
    const reply = await client.getUserStatus({ authyId }, { ip: "203.0.113.9" });
    assert.equal((reply["status"] as Reply)["registered"], true);
  });

  it("getUserStatus: refuses an unknown user", async () => {
    await assert.rejects(client.getUserStatus({ authyId: UNKNOWN }), refused(404, "60026"));
  });

  it("deleteUser: removes a user, once", async () => {
    const authyId = await scan("client-delete");
    assert.equal((await client.deleteUser({ authyId }))["message"], "User removed from application");
    await assert.rejects(client.deleteUser({ authyId }), refused(404, "60026"));
  });

  it("verifyToken: good once, refused when reused, refused when wrong", async () => {
    const authyId = await scan("client-verify");
    const token = await code(authyId);
    await client.verifyToken({ authyId, token }, { force: true });
    await assert.rejects(client.verifyToken({ authyId, token }), refused(401, "60019"));
    await assert.rejects(client.verifyToken({ authyId, token: "00000000" }), refused(401, "60020"));
  });

  for (const method of ["requestSms", "requestCall"] as const) {
    it(`${method}: is ignored for somebody with the app, unless forced`, async () => {
      const authyId = await scan(`client-${method}`);
      assert.equal((await client[method]({ authyId }))["ignored"], true);
      const sent = await client[method]({ authyId }, { force: true, action: "login", message: "Somebody signs in." });
      assert.equal(sent["ignored"], undefined);
    });

    it(`${method}: brings a code that can be verified to somebody without the app`, async () => {
      const authyId = await scan(`client-${method}-no-app`);
      await withoutApp(authyId);
      assert.equal((await client[method]({ authyId }))["ignored"], undefined);
      const token = (await call("GET", "/phone/messages")).at("messages.0.code") as string;
      await client.verifyToken({ authyId, token }, { force: true });
    });

    it(`${method}: refuses an unknown user`, async () => {
      await assert.rejects(client[method]({ authyId: UNKNOWN }), refused(404, "60026"));
    });
  }

  it("registerActivity: takes the known kinds", async () => {
    const authyId = await scan("client-activity");
    for (const type of ["password_reset", "banned", "unbanned", "cookie_login"])
      await client.registerActivity({ authyId, type, data: { reason: "foo" } }, { ip: "203.0.113.9" });
    await assert.rejects(client.registerActivity({ authyId: UNKNOWN, type: "banned" }), refused(404, "60026"));
  });

  it("getApplicationDetails and getApplicationStatistics: answer with the key only", async () => {
    await client.getApplicationDetails({ ip: "203.0.113.9" });
    await client.getApplicationStatistics();
    await assert.rejects(stranger.getApplicationDetails(), refused(401, "60001"));
    await assert.rejects(stranger.getApplicationStatistics(), refused(401, "60001"));
  });

  it("createApprovalRequest and getApprovalRequest: pending, then approved or denied", async () => {
    const authyId = await scan("client-approval");
    for (const [action, outcome] of [
      ["approve", "approved"],
      ["deny", "denied"],
    ] as const) {
      const details = { visible: { Account: "asha" }, hidden: { attempt: "7" } };
      const request = { authyId, message: "Sign in to Acme?", details, logos: LOGOS };
      const id = uuidOf(await client.createApprovalRequest(request, { ttl: 120 }));
      assert.equal(status(await client.getApprovalRequest({ id })), "pending");
      await answer(id, action);
      assert.equal(status(await client.getApprovalRequest({ id })), outcome);
    }
  });

  it("getApprovalRequest: expired when its time is over, refused when unknown", async () => {
    const id = uuidOf(
      await client.createApprovalRequest({ authyId: await scan("client-expiry"), message: "Hello" }, { ttl: 1 }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    assert.equal(status(await client.getApprovalRequest({ id })), "expired");
    await assert.rejects(client.getApprovalRequest({ id: NO_SUCH_UUID }), refused(404, "60049"));
  });

  it("createApprovalRequest: refused for an unknown user, and for a phone without the app", async () => {
    await assert.rejects(client.createApprovalRequest({ authyId: UNKNOWN, message: "Hello" }), refused(404, "60026"));
    const authyId = await scan("client-no-device");
    await withoutApp(authyId);
    await assert.rejects(client.createApprovalRequest({ authyId, message: "Hello" }), refused(400, "60051"));
  });

  it("verifyCallback: accepts a callback of the sandbox, and refuses it when it was changed", async () => {
    // The library wants the device's id as text, as it was until 2016; the signature it checks covers the true one.
    const authyId = await scan("client-callback");
    const already = receiver.received.length;
    await answer(await ask(authyId, { details: { Account: "asha" } }), "approve");
    const { headers, text } = (await receiver.atLeast(already + 1)).at(-1)!;
    const body = JSON.parse(text) as Reply;
    const { host, pathname } = new URL(receiver.url);
    const request = { body, headers: { ...headers, host }, method: "POST", protocol: "http", url: pathname };
    await assert.rejects(client.verifyCallback(request), onlyComplaintIs("device_uuid"));
    const changed = { ...request, body: { ...body, status: "denied" } };
    await assert.rejects(client.verifyCallback(changed), (error: object) =>
      JSON.stringify(error).includes("x-authy-signature"),
    );
  });
});

/** The library's own errors: one member for each field that it does not like. */
const onlyComplaintIs = (field: string) => (error: { errors: { body?: object; headers?: object } }) => {
  assert.deepEqual(Object.keys(error.errors.body ?? {}), [field]);
  assert.equal(error.errors.headers, undefined);
  return true;
};

describe("npm authy 1.4.0", () => {
  const client = authy(API_KEY, url);
  const stranger = authy("wrong", url);
  const run = (library: AuthyNode, method: keyof AuthyNode, ...parameters: unknown[]): Promise<Reply> =>
    new Promise((resolve, reject) => {
      library[method](...parameters, (error: unknown, reply: Reply) => {
        if (error) reject(Object.assign(new Error("refused"), { reply: error }));
        else resolve(reply);
      });
    });
  const refused = (errorCode: string) => (error: { reply: Reply }) => error.reply["error_code"] === errorCode;

  it("register_user: makes a user; a wrong number or key is refused", async () => {
    const made = await run(client, "register_user", "cy@example.org", "7754615610", "1");
    assert.equal(made["message"], "User created successfully.");
    await assert.rejects(run(client, "register_user", "cy@example.org", "no number", "1"), refused("60027"));
    await assert.rejects(run(stranger, "register_user", "cy@example.org", "7754615610", "1"), refused("60001"));
  });

  it("user_status: returns a user's status, refuses an unknown user", async () => {
    const reply = await run(client, "user_status", await scan("node-status"));
    assert.equal((reply["status"] as Reply)["registered"], true);
    await assert.rejects(run(client, "user_status", UNKNOWN), refused("60026"));
  });

  it("delete_user: removes a user, once", async () => {
    const id = await scan("node-delete");
    await run(client, "delete_user", id);
    await assert.rejects(run(client, "delete_user", id), refused("60026"));
  });

  it("verify: good once, refused when reused, refused when wrong", async () => {
    const id = await scan("node-verify");
    const token = await code(id);
    assert.equal((await run(client, "verify", id, token, true))["token"], "is valid");
    await assert.rejects(run(client, "verify", id, token), refused("60019"));
    await assert.rejects(run(client, "verify", id, "00000000"), refused("60020"));
  });

  for (const method of ["request_sms", "request_call"] as const)
    it(`${method}: is ignored, sent when forced, refused for an unknown user`, async () => {
      const id = await scan(`node-${method}`);
      assert.equal((await run(client, method, id))["ignored"], true);
      assert.equal((await run(client, method, id, true))["ignored"], undefined);
      await assert.rejects(run(client, method, UNKNOWN), refused("60026"));
    });

  it("send_approval_request and check_approval_status: pending, approved, denied, with logos and spaces", async () => {
    const id = await scan("node-approval");
    for (const [action, outcome] of [
      ["approve", "approved"],
      ["deny", "denied"],
    ] as const) {
      const payload = {
        message: "Sign in to Acme?",
        details: { "Where from": "Mombasa & Nairobi" },
        seconds_to_expire: 120,
      };
      const uuid = uuidOf(await run(client, "send_approval_request", id, payload, { attempt: "a b" }, LOGOS));
      assert.deepEqual((await call("GET", "/phone/requests")).at("requests.0.details"), payload.details);
      assert.equal(status(await run(client, "check_approval_status", uuid)), "pending");
      await answer(uuid, action);
      assert.equal(status(await run(client, "check_approval_status", uuid)), outcome);
    }
  });

  it("check_approval_status: expired when its time is over, refused when unknown", async () => {
    const payload = { message: "Hello", seconds_to_expire: 1 };
    const uuid = uuidOf(await run(client, "send_approval_request", await scan("node-expiry"), payload, {}, null));
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    assert.equal(status(await run(client, "check_approval_status", uuid)), "expired");
    await assert.rejects(run(client, "check_approval_status", NO_SUCH_UUID), refused("60049"));
  });

  it("send_approval_request: refused for an unknown user", async () => {
    await assert.rejects(
      run(client, "send_approval_request", UNKNOWN, { message: "Hello" }, {}, null),
      refused("60026"),
    );
  });
});
