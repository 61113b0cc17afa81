import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { after, describe, it } from "node:test";
import jwt from "jsonwebtoken";

import type { Json } from "../../src/providers/authy/callback-signature.js";
import { callbackBody, signCallback, type SignedRequest } from "../kit/authy.js";
import { type Answer, openBrowser } from "../kit/browser.js";
import { enrol, isSignedIn, type Person } from "../kit/people.js";
import { brokenRows } from "../kit/invariants.js";
import { startProgram } from "../kit/program.js";
import type { Row } from "../kit/rows.js";
import { until } from "../kit/until.js";

const FORMER_KEY = "the-key-before-this-one-0123456789";
const FORMER_EVENT_KEY = "WSK_the_key_before_this_one";

const program = await startProgram(
  { after },
  { workers: 0, env: { AUTHY_PREVIOUS_API_KEY: FORMER_KEY, AUTHY_PREVIOUS_WEBHOOK_SIGNING_KEY: FORMER_EVENT_KEY } },
);

describe("webhooks", () => {
  const setting = (name: string): string => program.env[name] ?? "";
  const sign = (body: Record<string, Json>, key = setting("AUTHY_PRODUCTION_API_KEY"), nonce?: string): SignedRequest =>
    signCallback(body, { key, url: setting("AUTHY_CALLBACK_URL"), ...(nonce === undefined ? {} : { nonce }) });
  const send = (signed: SignedRequest, more: Record<string, string | string[]> = {}): Promise<Answer> =>
    program
      .openBrowser()
      .send("POST", "/webhooks/authy/onetouch", { body: signed.body, headers: { ...signed.headers, ...more } });
  const stateOf = (uuid: string): string =>
    String(program.rows.one("SELECT state FROM challenges WHERE authy_uuid = ?", uuid)?.["state"]);

  /** A person whose phone shows a request now. */
  async function ringing(): Promise<{ person: Person; uuid: string }> {
    const person = await enrol(program);
    await person.browser.post("/logout");
    await person.login();
    return { person, uuid: (await person.request()).uuid };
  }

  it("W1 takes a callback that is signed over the configured address, and no other", async () => {
    const { person, uuid } = await ringing();
    const body = callbackBody(uuid, person.authyId, "approved");
    const elsewhere = signCallback(body, {
      key: setting("AUTHY_PRODUCTION_API_KEY"),
      url: `${program.web.site}/other`,
    });
    assert.equal((await send(elsewhere)).status, 401);
    assert.equal(stateOf(uuid), "pending");
    assert.equal((await send(sign(body))).status, 200);
    assert.equal(stateOf(uuid), "approved");
  });

  it("W2 refuses a missing or repeated signature or nonce with 401", async () => {
    const { person, uuid } = await ringing();
    const signed = sign(callbackBody(uuid, person.authyId, "approved"));
    for (const name of ["x-authy-signature", "x-authy-signature-nonce"]) {
      const { [name]: value = "", ...others } = signed.headers;
      assert.equal((await send({ ...signed, headers: others })).status, 401, `without ${name}`);
      assert.equal((await send({ ...signed, headers: { ...others, [name]: "" } })).status, 401, `empty ${name}`);
      assert.equal((await send(signed, { [name]: [value, value] })).status, 401, `twice ${name}`);
    }
    assert.equal(stateOf(uuid), "pending");
  });

  it("W3 refuses one changed bit anywhere with 401", async () => {
    const { person, uuid } = await ringing();
    const body = callbackBody(uuid, person.authyId, "denied");
    const signed = sign(body);
    const signature = signed.headers["x-authy-signature"] ?? "";
    for (const bit of [1, 2, 4]) {
      const at = 10 + bit;
      const changed =
        signature.slice(0, at) + String.fromCharCode(signature.charCodeAt(at) ^ bit) + signature.slice(at + 1);
      assert.equal((await send(signed, { "x-authy-signature": changed })).status, 401);
    }
    assert.equal((await send(signed, { "x-authy-signature-nonce": "another" })).status, 401);
    const approved = { ...signed, body: signed.body.replaceAll('"denied"', '"approved"') };
    assert.equal((await send(approved)).status, 401);
    assert.equal((await send(signed, { "x-authy-signature": signature.replace(/=$/, "") })).status, 401);
    assert.equal(stateOf(uuid), "pending");
  });

  it("W4 W5 tells two real callbacks with one nonce apart, and knows a repeated one by its signature", async () => {
    const [one, other] = [await ringing(), await ringing()];
    const first = sign(callbackBody(one.uuid, one.person.authyId, "approved"), undefined, "shared-nonce");
    const second = sign(callbackBody(other.uuid, other.person.authyId, "approved"), undefined, "shared-nonce");
    assert.equal((await send(first)).status, 200);
    assert.equal((await send(second)).status, 200);
    assert.deepEqual([stateOf(one.uuid), stateOf(other.uuid)], ["approved", "approved"]);
    const received = (): number => program.rows.count("SELECT count(*) FROM receipts WHERE authy_uuid = ?", one.uuid);
    assert.equal(received(), 0, "what settled its challenge is known by that");
    assert.match((await send(first)).body, /settled-before/);
    assert.match((await send(first)).body, /repeated/);
    assert.equal(received(), 1);
  });

  it("W6 W9 keeps the first final state, whatever comes afterwards", async () => {
    const { person, uuid } = await ringing();
    const denied = sign(callbackBody(uuid, person.authyId, "denied"));
    await send(denied);
    for (const later of [denied, sign(callbackBody(uuid, person.authyId, "approved")), denied])
      assert.equal((await send(later)).status, 200);
    assert.equal(stateOf(uuid), "denied");
    assert.equal((await person.browser.post("/login/approval/finish")).location, "/login/approval");
    assert.equal(await isSignedIn(person.browser), false);
  });

  it("T1 makes one arrow out of pending when two processes take approvals and denials at once", async () => {
    const sites = [program.web.site, (await program.startWeb()).site];
    for (let round = 0; round < 15; round += 1) {
      const { person, uuid } = await ringing();
      const answers = Array.from({ length: 10 }, (_, at) => {
        const signed = sign(callbackBody(uuid, person.authyId, at % 4 < 2 ? "approved" : "denied"));
        return openBrowser(sites[at % 2] ?? "").send("POST", "/webhooks/authy/onetouch", signed);
      });
      await Promise.all(answers);
      assert.equal(program.rows.one("SELECT version FROM challenges WHERE authy_uuid = ?", uuid)?.["version"], 2);
    }
    assert.deepEqual(await brokenRows(program.database), { double: [], wrong: [] });
  });

  it("W6 gives no second sign-in for a replayed approval", async () => {
    const { person, uuid } = await ringing();
    const approved = sign(callbackBody(uuid, person.authyId, "approved"));
    await send(approved);
    await person.browser.post("/login/approval/finish");
    assert.equal(await isSignedIn(person.browser), true);
    await person.browser.post("/logout");
    await person.login();
    await send(approved);
    await person.browser.post("/login/approval/finish");
    assert.equal(await isSignedIn(person.browser), false);
  });

  it("W7 decides nothing by the phone's clock", async () => {
    for (const device_signing_time of [0, 1, 4_102_444_800]) {
      const { person, uuid } = await ringing();
      const body = callbackBody(uuid, person.authyId, "approved");
      const request = body["approval_request"] as { transaction: Record<string, Json> };
      request.transaction["device_signing_time"] = device_signing_time;
      await send(sign(body));
      assert.equal(stateOf(uuid), "approved");
    }
  });

  it("W10 answers 200 to an unknown uuid and keeps it for a while", async () => {
    const uuid = "5f0e3b0e-c3f4-013a-9a60-000000000001";
    assert.equal((await send(sign(callbackBody(uuid, 4711, "approved")))).status, 200);
    assert.equal(program.rows.count("SELECT count(*) FROM receipts WHERE authy_uuid = ?", uuid), 1);
  });

  it("W11 settles a callback that comes before Authy's own answer, by our id in the hidden details", async () => {
    const person = await enrol(program);
    await person.browser.post("/logout");
    await program.phone.faults({ latency_ms: 10_000 });
    const sending = person.login();
    let row: Row | undefined;
    await until(() => {
      row = program.rows.one(
        "SELECT id FROM challenges WHERE authy_id = ? AND state = 'creating'",
        String(person.authyId),
      );
      return row !== undefined;
    }, "no challenge was being made");
    const body = callbackBody("0e5f3b0e-c3f4-013a-9a60-00000000000a", person.authyId, "approved");
    const request = body["approval_request"] as { transaction: Record<string, Json> };
    request.transaction["hidden_details"] = { challenge_id: String(row?.["id"]) };
    const received = await send(sign(body));
    await program.phone.faults();
    await sending;
    assert.match(received.body, /settled/);
    const settled = program.rows.one("SELECT state, settled_by FROM challenges WHERE id = ?", row?.["id"]);
    assert.deepEqual({ ...settled }, { state: "approved", settled_by: "callback" });
  });

  it("W12 takes nothing of another phone or another kind", async () => {
    const { person, uuid } = await ringing();
    const other = await enrol(program);
    const good = callbackBody(uuid, person.authyId, "approved");
    for (const body of [
      callbackBody(uuid, other.authyId, "approved"),
      { ...good, authy_id: null },
      { ...good, authy_id: [person.authyId] },
      { ...good, callback_action: "user_added" },
      { ...good, callback_action: null },
      { ...good, status: "APPROVED" },
      { ...good, uuid: [uuid] },
      Object.fromEntries(Object.entries(good).filter(([name]) => name !== "authy_id")) as Record<string, Json>,
    ]) {
      assert.equal((await send(sign(body))).status, 200);
      assert.equal(stateOf(uuid), "pending");
    }
    assert.equal((await send(sign({ ...good, authy_id: String(person.authyId) }))).status, 200);
    assert.equal(stateOf(uuid), "approved");
  });

  it("W13 W16 refuses what is too large, encoded, of another type or not UTF-8 with 4xx", async () => {
    const signed = sign(callbackBody("00000000-aaaa", 1, "approved"));
    const large = { ...signed, body: JSON.stringify({ a: "x".repeat(70_000) }) };
    const cases: [number, () => Promise<Answer>][] = [
      [413, () => send(large)],
      [415, () => send(signed, { "content-type": "text/plain" })],
      [415, () => send(signed, { "content-type": "application/x-www-form-urlencoded" })],
      [415, () => send(signed, { "content-type": "application/json; charset=utf-16" })],
      [415, () => send(signed, { "content-encoding": "br" })],
      [400, () => send({ ...signed, body: "{" })],
      [400, () => send({ ...signed, body: "[]" })],
      [400, () => send({ ...signed, body: "null" })],
    ];
    for (const [status, act] of cases) assert.equal((await act()).status, status);
    const headers = { ...signed.headers };
    const zipped = await program.openBrowser().send("POST", "/webhooks/authy/onetouch", {
      body: gzipSync(signed.body),
      headers: { ...headers, "content-encoding": "gzip" },
    });
    assert.equal(zipped.status, 415);
    const latin = await program
      .openBrowser()
      .send("POST", "/webhooks/authy/onetouch", { body: Buffer.from([0x7b, 0xff, 0x7d]), headers });
    assert.equal(latin.status, 400);
  });

  it("W14 W15 refuses more than 16 levels or 512 members, and takes as many", async () => {
    const nested = (levels: number): Json => (levels === 0 ? "x" : { a: nested(levels - 1) });
    const listed = (levels: number): Json => (levels === 0 ? "x" : [listed(levels - 1)]);
    assert.equal((await send(sign({ a: nested(15) }))).status, 200);
    assert.equal((await send(sign({ a: listed(15) }))).status, 200);
    const unsigned = (body: Json): SignedRequest => ({ ...sign({}), body: JSON.stringify(body) });
    assert.equal((await send(unsigned({ a: nested(16) }))).status, 400);
    assert.equal((await send(unsigned({ a: listed(16) }))).status, 400);
    const wide = (members: number): Record<string, Json> =>
      Object.fromEntries(Array.from({ length: members }, (_, at) => [`k${at}`, 1]));
    assert.equal((await send(sign(wide(512)))).status, 200);
    assert.equal((await send(sign(wide(513)))).status, 400);
    const abyss = { ...sign({}), body: `${'{"a":'.repeat(9000)}1${"}".repeat(9000)}` };
    assert.equal((await send(abyss)).status, 400);
  });

  it("W17 W18 refuses __proto__ and keys with brackets, also when they are signed", async () => {
    const { person, uuid } = await ringing();
    const good = callbackBody(uuid, person.authyId, "approved");
    const polluted = { ...sign(good), body: JSON.stringify(good).replace("{", '{"__proto__":{"status":"approved"},') };
    assert.equal((await send(polluted)).status, 400);
    for (const key of ["approval_request[transaction][status]", "a]", "[b"])
      assert.equal((await send(sign({ ...good, [key]: "approved" }))).status, 400, key);
    assert.equal(stateOf(uuid), "pending");
  });

  it("W19 judges types after the signature, which cannot tell a number from its text", async () => {
    const { person, uuid } = await ringing();
    const good = callbackBody(uuid, person.authyId, "approved");
    const flattened: Record<string, Json> = { ...good, status: ["approved"] };
    assert.equal((await send(sign(flattened))).status, 200);
    assert.equal(stateOf(uuid), "pending");
  });

  it("takes it as final when Authy signs that a request has expired", async () => {
    const { person, uuid } = await ringing();
    assert.equal((await send(sign(callbackBody(uuid, person.authyId, "expired")))).status, 200);
    assert.equal(stateOf(uuid), "expired");
  });

  it("W21 answers every other method with 405 and changes nothing", async () => {
    const { person, uuid } = await ringing();
    const signed = sign(callbackBody(uuid, person.authyId, "approved"));
    for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
      for (const path of ["/webhooks/authy/onetouch", "/webhooks/authy/events"]) {
        const { status, headers } = await program.openBrowser().send(method, path, { headers: signed.headers });
        assert.deepEqual([status, headers.allow], [405, "POST"], `${method} ${path}`);
      }
    assert.equal(stateOf(uuid), "pending");
  });

  it("W22 takes callbacks and events of the former key while it is named, and of no third one", async () => {
    const { person, uuid } = await ringing();
    const body = callbackBody(uuid, person.authyId, "approved");
    assert.equal((await send(sign(body, "a-third-key-0123456789-0123456789"))).status, 401);
    assert.equal((await send(sign(body, FORMER_KEY))).status, 200);
    assert.equal(stateOf(uuid), "approved");
    assert.equal((await event({}, FORMER_EVENT_KEY)).status, 200);
    assert.equal((await event({}, "WSK_a_third_key")).status, 401);
  });

  it("W26 refuses what has no signature before it reads the body", async () => {
    const reply = await program.openBrowser().send("POST", "/webhooks/authy/onetouch", {
      body: "x".repeat(200_000),
      headers: { "content-type": "application/json" },
    });
    assert.equal(reply.status, 401);
  });

  const event = (
    payload: object,
    key = setting("AUTHY_WEBHOOK_SIGNING_KEY"),
    options: jwt.SignOptions = {},
  ): Promise<Answer> =>
    program.openBrowser().send("POST", "/webhooks/authy/events", {
      body: JSON.stringify({
        body: jwt.sign({ url: setting("AUTHY_WEBHOOK_URL"), ...payload }, key, { noTimestamp: true, ...options }),
      }),
      headers: { "content-type": "application/json" },
    });
  const responded = (uuid: string) => ({
    params: { events: [{ event: "one_touch_request_responded", objects: { onetouch_request: { s_uuid: uuid } } }] },
  });

  it("W27 believes no event, but asks Authy; checks algorithm and address; repeats are harmless", async () => {
    const { uuid } = await ringing();
    for (let times = 0; times < 3; times += 1) assert.equal((await event(responded(uuid))).status, 200);
    assert.equal(stateOf(uuid), "pending", "Authy says that it is still open");
    assert.equal((await event({ ...responded(uuid), url: "https://elsewhere.example/events" })).status, 401);
    assert.equal((await event(responded(uuid), undefined, { algorithm: "HS512" })).status, 401);
    const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${Buffer.from(JSON.stringify({ url: setting("AUTHY_WEBHOOK_URL"), ...responded(uuid) })).toString("base64url")}.`;
    const unsigned = await program.openBrowser().send("POST", "/webhooks/authy/events", {
      body: JSON.stringify({ body: none }),
      headers: { "content-type": "application/json" },
    });
    assert.equal(unsigned.status, 401);
    assert.equal(stateOf(uuid), "pending");
  });

  it("W27 takes an event as JSON and as a form, and nothing else", async () => {
    const token = jwt.sign(
      { url: setting("AUTHY_WEBHOOK_URL"), params: { events: [] } },
      setting("AUTHY_WEBHOOK_SIGNING_KEY"),
    );
    const post = async (body: string, type: string): Promise<number> =>
      (await program.openBrowser().send("POST", "/webhooks/authy/events", { body, headers: { "content-type": type } }))
        .status;
    const form = "application/x-www-form-urlencoded";
    assert.equal(await post(JSON.stringify({ body: token }), "application/json"), 200);
    assert.equal(await post(`body=${token}`, form), 200);
    assert.equal(await post(`body=${token}&body=${token}`, form), 400);
    assert.equal(await post("body=", form), 400);
    assert.equal(await post(JSON.stringify({ body: [token] }), "application/json"), 400);
    assert.equal(await post(JSON.stringify({ body: token }), "text/plain"), 415);
  });

  it("W24 answers 503 and changes nothing while the database is held, and takes the repeat afterwards", async () => {
    const { person, uuid } = await ringing();
    const signed = sign(callbackBody(uuid, person.authyId, "approved"));
    program.rows.run("BEGIN EXCLUSIVE");
    const refused = await send(signed);
    program.rows.run("ROLLBACK");
    assert.equal(refused.status, 503);
    assert.equal(stateOf(uuid), "pending");
    assert.equal((await send(signed)).status, 200);
    assert.equal(stateOf(uuid), "approved");
  });

  it("W24 takes a callback while Redis is away", async () => {
    const { person, uuid } = await ringing();
    await program.redis.kill();
    const sent = await send(sign(callbackBody(uuid, person.authyId, "approved")));
    await program.redis.restart();
    assert.equal(sent.status, 200);
    assert.equal(stateOf(uuid), "approved");
  });
});
