import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, describe, it } from "node:test";
import { Redis } from "ioredis";
import * as oidc from "openid-client";

import { databaseRows } from "../../src/database/rows.js";
import { newApplication } from "../../src/domain/manage-applications.js";
import { addApplication, authorizationRequest, wayOut } from "../kit/openid-client.js";
import { enrol, isSignedIn, register, sendCallback, settled } from "../kit/people.js";
import { visitSite } from "../kit/site-visitor.js";
import { startProgram } from "../kit/program.js";

const program = await startProgram({ after }, { env: { LOG_LEVEL: "trace" } });

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
  it("L1 L2 R40 keeps every secret out of logs, Redis, job data, pages and the rows that need only its hash", async () => {
    const listener = new Redis(program.redis.url);
    const published: string[] = [];
    listener.on("pmessage", (_pattern: string, channel: string, message: string) =>
      published.push(`${channel} ${message}`),
    );
    await listener.psubscribe("*");
    const dumps: string[] = [];
    const person = await enrol(program);
    const canaries: Record<string, string> = { password: person.password };
    await person.browser.post("/logout");
    const browser = program.openBrowser();
    await person.login(browser, { next: "/account?canary=query-canary-77" });
    await browser.get("/login?canary=query-canary-77");
    dumps.push(await dumpOf(program.redis.url));
    const { uuid, details } = await person.request();
    const asked = (await browser.get("/login/approval")).body;
    canaries["match code"] = details["Code"] ?? "";
    canaries["attempt"] = browser.cookies.get("countersign-attempt") ?? "";
    await program.phone.answer(uuid, "approve");
    await settled(program, uuid);
    await browser.post("/login/approval/finish", { match_code: details["Code"] ?? "" });
    assert.equal(await isSignedIn(browser), true);
    for (const [name, value] of browser.cookies) canaries[name] = value;
    await person.stepUp("new-recovery-codes", browser);
    await browser.post("/account/recovery-codes");
    const shown = (await browser.get("/account/recovery-codes")).body;
    canaries["recovery code"] = /\b[a-z2-9]{4}(?:-[a-z2-9]{4}){3}\b/.exec(shown)?.[0] ?? "";
    assert.equal(
      (await browser.get("/account/recovery-codes")).body.includes(canaries["recovery code"]),
      false,
      "shown once",
    );
    // R40: what an application and a site are given.
    const application = await addApplication(program);
    const { path, checks } = await authorizationRequest(application);
    const back = await wayOut(browser, path);
    assert.ok(back !== null);
    const tokens = await oidc.authorizationCodeGrant(application.config, back, checks);
    await oidc.refreshTokenGrant(application.config, tokens.refresh_token ?? "");
    const site = "https://app.example.org";
    const rows = databaseRows(program.database);
    const forAll = { name: "App", level: 2, maxAgeSeconds: null, admitted: [{ everyone: true }] } as const;
    await rows.applications.insert(newApplication(forAll, "site", "site", new Date()));
    await rows.sites.insert({ applicationId: "site", origin: site, publicPaths: [], allowsPreflight: false });
    const visitor = visitSite(site, program.site);
    const us = new URL((await visitor.ask("/")).location);
    const callback = (await browser.get(us.pathname + us.search)).location.slice(site.length);
    assert.equal((await visitor.ask(callback)).status, 302);
    assert.equal((await visitor.ask("/")).status, 200);
    for (const [name, value] of visitor.cookies) canaries[name] = value.split(".")[0] ?? "";
    Object.assign(canaries, {
      ...{ "gate ticket": /ticket=([^&]*)/.exec(callback)?.[1], "client secret": application.secret },
      ...{ code: back.searchParams.get("code"), "access token": tokens.access_token },
      ...{ "refresh token": tokens.refresh_token, "ID token": tokens.id_token },
    });
    const other = program.openBrowser();
    await person.login(other);
    canaries["app code"] = await program.phone.code(person.authyId);
    await other.post("/login/code", { code: canaries["app code"] });
    const newcomer = await register(program);
    await newcomer.browser.post("/account/two-factor/registration");
    const page = (await newcomer.browser.get("/account/two-factor/registration")).body;
    canaries["registration token"] = /token=([\w.-]+)/.exec(page)?.[1] ?? "";
    await newcomer.browser.post("/account/password", { current_password: "wrong-canary-password", password: "x" });
    await program.openBrowser().send("POST", "/webhooks/authy/onetouch", {
      body: "{",
      headers: { "x-authy-signature": "signature-canary-99", "x-authy-signature-nonce": "n" },
    });
    Object.assign(canaries, {
      "wrong password": "wrong-canary-password",
      signature: "signature-canary-99",
      query: "query-canary-77",
      "API key": program.env["AUTHY_PRODUCTION_API_KEY"],
      "event key": program.env["AUTHY_WEBHOOK_SIGNING_KEY"],
      "session key": program.env["SESSION_KEYS"],
      "form token": await browser.token(),
    });
    dumps.push(await dumpOf(program.redis.url));
    listener.disconnect();

    // The sandbox shows tokens and codes on purpose; what is ours must not.
    const logs = JSON.stringify([program.web.lines, program.workers.map(({ lines }) => lines)]);
    const kept = JSON.stringify(
      program.rows
        .all("SELECT name FROM sqlite_master WHERE type = 'table'")
        .map(({ name }) => program.rows.all(`SELECT * FROM "${String(name)}"`)),
    );
    const pages = [
      asked,
      shown.replace(canaries["recovery code"], ""),
      (await browser.get("/account")).body,
      (await browser.get("/nowhere")).body,
    ].join();
    for (const [what, secret] of Object.entries(canaries)) {
      assert.equal(secret.length >= 6, true, `there is no ${what} to look for`);
      // Digits that are part of a longer number, a time for instance, are no code.
      const isIn = (text: string): boolean =>
        /^\d+$/.test(secret) ? new RegExp(`(?<!\\d)${secret}(?!\\d)`).test(text) : text.includes(secret);
      assert.equal(isIn(logs), false, `${what} in a log`);
      assert.equal(isIn(dumps.join("\n")), false, `${what} in Redis`);
      assert.equal(isIn(published.join("\n")), false, `${what} in a notification`);
      if (what !== "query") assert.equal(isIn(kept), false, `${what} in the database`);
      if (what !== "form token") assert.equal(isIn(pages), false, `${what} on a page`);
    }
    assert.equal(published.length > 0, true);
  });

  it("L1 keeps the API key out of what is logged and shown when Authy fails", async () => {
    const person = await enrol(program);
    const key = program.env["AUTHY_PRODUCTION_API_KEY"] ?? "";
    for (const status of [500, 401, 302]) {
      await program.phone.faults({ status, error_rate: 1 });
      const browser = program.openBrowser();
      const page = await person.login(browser);
      const waiting = await browser.get("/login/approval");
      const code = await browser.post("/login/code", { code: "1234567" });
      for (const { body } of [page, waiting, code]) assert.equal(body.includes(key), false);
    }
    await program.phone.faults();
    assert.equal(JSON.stringify(program.web.lines).includes(key), false);
  });

  it("L3 writes one line into the history for each security event", async () => {
    const person = await enrol(program);
    const kinds = (): string[] =>
      program.rows
        .all("SELECT kind FROM audit_events WHERE subscriber_id = ? ORDER BY rowid", person.id)
        .map(({ kind }) => String(kind));
    assert.deepEqual(kinds(), ["registered"]);
    await person.login(program.openBrowser(), { password: "wrong" });
    await person.signIn(program.openBrowser());
    await person.stepUp("disable-two-factor");
    await person.browser.post("/account/two-factor/disable");
    await person.browser.post("/account/password", {
      current_password: person.password,
      password: "amber window river nine",
    });
    await person.browser.post("/logout");
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
    const uuid = randomUUID();
    await sendCallback(program, uuid, "246813579", "approved");
    const row = program.rows.one("SELECT * FROM receipts WHERE authy_uuid = ?", uuid);
    assert.deepEqual(Object.keys(row ?? {}).sort(), [
      "authy_id",
      "authy_uuid",
      "received_at",
      "signature_hash",
      "status",
    ]);
  });
});
