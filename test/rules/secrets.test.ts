import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { Redis } from "ioredis";

import { isSignedIn, openHouse } from "./house.js";

const house = await openHouse({ after }, { LOG_LEVEL: "trace" }, 1);

/** Every key with its value, whatever its type. */
async function dumpOf(url: string): Promise<string> {
  const redis = new Redis(url);
  const all: string[] = [];
  for (const key of await redis.keys("*")) {
    all.push(key);
    const type = await redis.type(key);
    if (type === "hash") all.push(JSON.stringify(await redis.hgetall(key)));
    else if (type === "string") all.push((await redis.get(key)) ?? "");
    else if (type === "list") all.push(...(await redis.lrange(key, 0, -1)));
    else if (type === "set") all.push(...(await redis.smembers(key)));
    else if (type === "zset") all.push(...(await redis.zrange(key, 0, -1)));
    else if (type === "stream") all.push(JSON.stringify(await redis.xrange(key, "-", "+")));
  }
  redis.disconnect();
  return all.join("\n");
}

describe("secrets", () => {
  it("L1 L2 keeps every secret out of logs, Redis, job data, pages and the rows that need only its hash", async () => {
    const bell = new Redis(house.program.redis.url);
    const rung: string[] = [];
    bell.on("pmessage", (_pattern: string, channel: string, message: string) => rung.push(`${channel} ${message}`));
    await bell.psubscribe("*");
    const dumps: string[] = [];
    const person = await house.enrolled();
    const canaries: Record<string, string> = { password: person.password };
    await person.wire.post("/logout");
    const wire = house.wire();
    await house.login(wire, person, { next: "/account?canary=query-canary-77" });
    await wire.get("/login?canary=query-canary-77");
    dumps.push(await dumpOf(house.program.redis.url));
    const { uuid, details } = await house.ring(person.authyId);
    const asked = (await wire.get("/login/approval")).body;
    canaries["match code"] = details["Code"] ?? "";
    canaries["attempt"] = wire.cookies.get("countersign-attempt") ?? "";
    await house.phone.answer(uuid, "approve");
    await house.settled(uuid);
    await wire.post("/login/approval/finish", { match_code: details["Code"] ?? "" });
    assert.equal(await isSignedIn(wire), true);
    for (const [name, value] of wire.cookies) canaries[name] = value;
    await house.stepUp(wire, person, "new-recovery-codes");
    await wire.post("/account/recovery-codes");
    const shown = (await wire.get("/account/recovery-codes")).body;
    canaries["recovery code"] = /\b[a-z2-9]{4}(?:-[a-z2-9]{4}){3}\b/.exec(shown)?.[0] ?? "";
    assert.equal(
      (await wire.get("/account/recovery-codes")).body.includes(canaries["recovery code"]),
      false,
      "shown once",
    );
    const other = house.wire();
    await house.login(other, person);
    canaries["app code"] = await house.phone.code(person.authyId);
    await other.post("/login/code", { code: canaries["app code"] });
    const newcomer = await house.register();
    await newcomer.wire.post("/account/two-factor/registration");
    const page = (await newcomer.wire.get("/account/two-factor/registration")).body;
    canaries["registration token"] = /token=([\w.-]+)/.exec(page)?.[1] ?? "";
    await newcomer.wire.post("/account/password", { current_password: "wrong-canary-password", password: "x" });
    await house.wire().send("POST", "/webhooks/authy/onetouch", {
      body: "{",
      headers: { "x-authy-signature": "signature-canary-99", "x-authy-signature-nonce": "n" },
    });
    Object.assign(canaries, {
      "wrong password": "wrong-canary-password",
      signature: "signature-canary-99",
      query: "query-canary-77",
      "API key": house.program.env["AUTHY_PRODUCTION_API_KEY"],
      "event key": house.program.env["AUTHY_WEBHOOK_SIGNING_KEY"],
      "session key": house.program.env["SESSION_KEYS"],
      "form token": await wire.token(),
    });
    dumps.push(await dumpOf(house.program.redis.url));
    bell.disconnect();

    // The sandbox shows tokens and codes on purpose; what is ours must not.
    const logs = JSON.stringify([house.program.web.lines, house.program.workers.map(({ lines }) => lines)]);
    const kept = JSON.stringify(
      house.rows
        .all("SELECT name FROM sqlite_master WHERE type = 'table'")
        .map(({ name }) => house.rows.all(`SELECT * FROM "${String(name)}"`)),
    );
    const pages = [
      asked,
      shown.replace(canaries["recovery code"], ""),
      (await wire.get("/account")).body,
      (await wire.get("/nowhere")).body,
    ].join();
    for (const [what, secret] of Object.entries(canaries)) {
      assert.equal(secret.length >= 6, true, `there is no ${what} to look for`);
      // Digits that are part of a longer number, a time for instance, are no code.
      const isIn = (text: string): boolean =>
        /^\d+$/.test(secret) ? new RegExp(`(?<!\\d)${secret}(?!\\d)`).test(text) : text.includes(secret);
      assert.equal(isIn(logs), false, `${what} in a log`);
      assert.equal(isIn(dumps.join("\n")), false, `${what} in Redis`);
      assert.equal(isIn(rung.join("\n")), false, `${what} in a bell`);
      if (what !== "query") assert.equal(isIn(kept), false, `${what} in the database`);
      if (what !== "form token") assert.equal(isIn(pages), false, `${what} on a page`);
    }
    assert.equal(rung.length > 0, true);
  });

  it("L1 keeps the API key out of what is logged and shown when Authy fails", async () => {
    const person = await house.enrolled();
    const key = house.program.env["AUTHY_PRODUCTION_API_KEY"] ?? "";
    for (const status of [500, 401, 302]) {
      await fetch(`${house.program.phone}/faults`, {
        method: "PUT",
        body: JSON.stringify({ status, error_rate: 1 }),
        headers: { "content-type": "application/json" },
      });
      const wire = house.wire();
      const page = await house.login(wire, person);
      const waiting = await wire.get("/login/approval");
      const code = await wire.post("/login/code", { code: "1234567" });
      for (const { body } of [page, waiting, code]) assert.equal(body.includes(key), false);
    }
    await fetch(`${house.program.phone}/faults`, { method: "DELETE" });
    assert.equal(JSON.stringify(house.program.web.lines).includes(key), false);
  });

  it("L3 writes one line into the history for each security event", async () => {
    const person = await house.enrolled();
    const kinds = (): string[] =>
      house.rows
        .all("SELECT kind FROM audit_events WHERE subscriber_id = ? ORDER BY rowid", house.subscriberId(person))
        .map(({ kind }) => String(kind));
    assert.deepEqual(kinds(), ["registered"]);
    await house.login(house.wire(), { ...person, password: "wrong" });
    await house.signIn(house.wire(), person);
    await house.stepUp(person.wire, person, "disable-two-factor");
    await person.wire.post("/account/two-factor/disable");
    await person.wire.post("/account/password", {
      current_password: person.password,
      password: "amber window river nine",
    });
    await person.wire.post("/logout");
    const expected = [
      "registered",
      "sign-in-failed",
      "signed-in",
      "step-up",
      "phone-removed",
      "password-changed",
      "signed-out",
    ];
    assert.deepEqual(
      kinds().filter((kind) => kind !== "push-sent"),
      expected,
    );
  });

  it("L4 keeps no more of a callback than it needs", async () => {
    const person = await house.enrolled();
    await person.wire.post("/logout");
    await house.login(person.wire, person);
    const { uuid } = await house.ring(person.authyId);
    await house.callback(uuid, person.authyId, "approved");
    const row = house.rows.one("SELECT * FROM receipts WHERE authy_uuid = ?", uuid);
    assert.deepEqual(Object.keys(row ?? {}).sort(), [
      "authy_id",
      "authy_uuid",
      "received_at",
      "signature_hash",
      "status",
    ]);
  });
});
