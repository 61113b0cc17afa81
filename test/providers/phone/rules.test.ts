import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { requestDigest, signedTexts } from "../../../src/providers/phone/signed-texts.js";
import type { Browser } from "../../kit/browser.js";
import { openOwnPhone, type OwnPhone, type PhoneRequest } from "../../kit/own-phone.js";
import { newOwner } from "../../kit/owner.js";
import { askScript, type Twist } from "../../kit/passkeys.js";
import { type Program, startProgram } from "../../kit/program.js";
import { newSigningPhone } from "../../kit/signing-phone.js";

const PASSWORD = "tram lemon orbit quietly";
const REGISTRATION = "/account/two-factor/registration";

interface Account {
  readonly username: string;
  readonly browser: Browser;
}

interface Owner extends Account {
  readonly phone: OwnPhone;
}

const DATABASES =
  process.env["COUNTERSIGN_TEST_QUICK"] === undefined ? (["sqlite", "postgres"] as const) : (["sqlite"] as const);

for (const database of DATABASES)
  describe(`phones of our own, on ${database}`, () => {
    const owner = newOwner();
    let program: Program;
    before(async () => {
      program = await startProgram(owner, {
        database,
        workers: 0,
        env: { MATCH_CODE: "never", LIMIT_PHONE_REQUESTS_PER_ADDRESS: "0" },
      });
    });
    after(() => owner.end());

    /** Plain SQL of both databases, with a question mark for each value. */
    async function sql(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> {
      let at = 0;
      const numbered = database === "sqlite" ? text : text.replace(/\?/g, () => `$${++at}`);
      return program.database.query<Record<string, unknown>[]>(numbered, values);
    }

    async function newAccount(): Promise<Account> {
      const username = `p${randomUUID().slice(0, 12)}`;
      const browser = program.openBrowser();
      await browser.post("/register", { username, email: `${username}@example.com`, password: PASSWORD });
      return { username, browser };
    }

    /** Begins to add a phone. @returns the secret of the code. */
    async function beginEnrolment({ browser }: Account): Promise<string> {
      await browser.post(REGISTRATION, { type: "phone" });
      const { html } = await browser.visit(REGISTRATION);
      return html.querySelector("[data-typed]")?.innerText.replaceAll(" ", "") ?? "";
    }

    /** An account with a phone, signed out. With `locked` each of its approvals has to be unlocked. */
    async function newPhoneOwner(locked?: Twist): Promise<Owner> {
      const account = await newAccount();
      const phone = openOwnPhone(program.site);
      const secret = await beginEnrolment(account);
      assert.equal((await phone.claim(secret, locked && { locked })).status, 200);
      await account.browser.post(`${REGISTRATION}/confirm`);
      assert.equal((await phone.open()).status, 200);
      await account.browser.post("/logout");
      return { ...account, phone };
    }

    /** Gives the right password; the request that the phone then has. */
    async function ask({ browser, username, phone }: Owner): Promise<PhoneRequest> {
      const { location } = await browser.post("/login", { username, password: PASSWORD });
      assert.match(location, /\/login\/approval$/);
      const [request] = await phone.requests();
      assert.ok(request !== undefined);
      return request;
    }

    const stateOf = async (id: string) => (await sql("SELECT state FROM challenges WHERE id = ?", id))[0]?.["state"];
    /** One more phone of an account, put into the rows beside its first. */
    async function addSecondPhone(owner: Owner) {
      const second = openOwnPhone(program.site);
      const [factor] = await factorsOf(owner.username);
      const id = randomUUID();
      const copy =
        "INSERT INTO factors (id, subscriber_id, type, authy_id, state, created_at, label, is_preferred) SELECT ?, subscriber_id, type, ?, state, created_at, label, is_preferred FROM factors WHERE id = ?";
      await sql(copy, id, second.hash, String(factor?.["id"]));
      await sql(
        "INSERT INTO phone_keys (id, secret_hash, key_hash, spki, label, address, created_at) VALUES (?, ?, ?, ?, '', '', '2026-01-01 00:00:00.000')",
        ...[id, randomUUID(), second.hash, second.keys.spki.toString("base64url")],
      );
      await second.open();
      return { second, id, factor };
    }

    const finish = async (browser: Browser) => (await browser.post("/login/approval/finish")).location;
    const factorsOf = (username: string) =>
      sql(
        "SELECT f.id, f.state, f.label FROM factors f JOIN subscribers u ON u.id = f.subscriber_id WHERE u.username = ?",
        username,
      );

    describe("adding a phone of our own", () => {
      it("PH1 takes a secret once and in time, and keeps it in no log and no row", async () => {
        const account = await newAccount();
        const secret = await beginEnrolment(account);
        assert.match(secret, /^[A-Z2-7]{16}$/);
        const phone = openOwnPhone(program.site);
        for (let looks = 0; looks < 2; looks += 1) {
          const looked = await phone.look(secret.toLowerCase());
          assert.equal(looked.status, 200);
          const { username, app } = JSON.parse(looked.body) as { username: string; app: string };
          assert.deepEqual({ username, app }, { username: account.username, app: "Countersign test" });
        }
        assert.equal((await phone.claim(secret)).status, 200);
        assert.equal((await phone.look(secret)).status, 404);
        assert.equal((await openOwnPhone(program.site).look("A".repeat(16))).status, 404);

        const late = await newAccount();
        const lateSecret = await beginEnrolment(late);
        await sql("UPDATE enrolments SET expires_at = '2020-01-01 00:00:00.000' WHERE state = 'pending'");
        assert.equal((await phone.look(lateSecret)).status, 404);
        assert.equal((await phone.claim(lateSecret)).status, 404);
        assert.deepEqual(await factorsOf(late.username), []);

        const tables = program.database.entityMetadatas.map(({ tableName }) => tableName);
        const rows = await Promise.all(tables.map((table) => sql(`SELECT * FROM "${table}"`)));
        const everything = JSON.stringify(rows);
        const logged = program.lines.map((line) => JSON.stringify(line)).join("\n");
        for (const each of [secret, lateSecret]) {
          assert.ok(!everything.includes(each));
          assert.ok(!logged.includes(each));
        }
      });

      it("PH2 makes nothing active before the session that asked has confirmed it", async () => {
        const account = await newAccount();
        const phone = openOwnPhone(program.site);
        const { status, body } = await phone.claim(await beginEnrolment(account));
        assert.equal(status, 200);
        assert.deepEqual(await factorsOf(account.username), []);
        assert.equal((await phone.open()).status, 401);

        const other = program.openBrowser();
        await other.post("/login", { username: account.username, password: PASSWORD });
        await other.post(`${REGISTRATION}/confirm`);
        assert.deepEqual(await factorsOf(account.username), []);

        const { html } = await account.browser.visit(REGISTRATION);
        const { digits } = JSON.parse(body) as { digits: string };
        assert.equal(html.querySelector("[data-digits]")?.innerText.trim(), digits);
        await account.browser.post(`${REGISTRATION}/confirm`);
        assert.equal((await factorsOf(account.username))[0]?.["state"], "active");
        assert.equal((await phone.open()).status, 200);
      });

      it("PH2 confirms nothing that no phone has claimed", async () => {
        const account = await newAccount();
        await beginEnrolment(account);
        await account.browser.post(`${REGISTRATION}/confirm`);
        assert.deepEqual(await factorsOf(account.username), []);
      });

      it("PH3 gives a second phone nothing, and shows the owner the first", async () => {
        const account = await newAccount();
        const secret = await beginEnrolment(account);
        const [first, second] = [openOwnPhone(program.site), openOwnPhone(program.site)];
        const { id } = JSON.parse((await first.look(secret)).body) as { id: string };
        const claims = await Promise.all([first.claim(secret), second.claim(secret, { label: "Safari on iOS" })]);
        assert.deepEqual(claims.map(({ status }) => status).sort(), [200, 409]);
        const winner = claims[0].status === 200 ? "Chrome on Android" : "Safari on iOS";
        const { html } = await account.browser.visit(REGISTRATION);
        assert.match(html.querySelector("#digits-title")?.innerText ?? "", new RegExp(winner));
        await account.browser.post(`${REGISTRATION}/confirm`);
        assert.equal((await sql("SELECT * FROM phone_keys WHERE id = ?", id)).length, 1);
        assert.equal((await factorsOf(account.username)).length, 1);
      });

      it("PH4 spends nothing on a wrong signature", async () => {
        const account = await newAccount();
        const secret = await beginEnrolment(account);
        const phone = openOwnPhone(program.site);
        assert.equal((await phone.claim(secret, { by: newSigningPhone() })).status, 401);
        assert.equal((await phone.claim(secret, { origin: "https://evil.example" })).status, 401);
        assert.equal((await phone.claim(secret)).status, 200);
      });
    });

    describe("an answer of a phone of our own", () => {
      it("settles, and only the browser that asked is signed in", async () => {
        const owner = await newPhoneOwner();
        const request = await ask(owner);
        const stranger = program.openBrowser();
        const answered = await owner.phone.answer(request, "approve");
        assert.deepEqual([answered.status, await stateOf(request.id)], [200, "approved"]);
        assert.doesNotMatch(await finish(stranger), /\/account$/);
        await owner.browser.post("/login/approval/finish");
        assert.equal((await owner.browser.get("/account")).status, 200);
        assert.deepEqual(await owner.phone.requests(), []);
      });

      it("PH4 is refused with another key, origin, decision, digest or challenge, and changes nothing", async () => {
        const owner = await newPhoneOwner();
        const other = await newPhoneOwner();
        const request = await ask(owner);
        const { phone } = owner;
        const elsewhere = requestDigest({ ...request, message: "Sign in?" });
        const signature = phone.keys.sign(
          signedTexts.answer(program.site, request.id, phone.hash, "deny", requestDigest(request)),
        );
        const tries = [
          phone.answer(request, "approve", { origin: "https://evil.example" }),
          phone.answer(request, "approve", { digest: elsewhere }),
          phone.answer(request, "approve", { signature }),
          phone.answer(request, "approve", { key: other.phone.hash }),
          other.phone.answer(request, "approve"),
          other.phone.answer(request, "approve", { key: phone.hash }),
          openOwnPhone(program.site).answer(request, "approve"),
        ];
        for (const answer of await Promise.all(tries)) assert.equal(answer.status, 401);
        assert.equal(await stateOf(request.id), "pending");
        assert.equal((await phone.answer(request, "approve")).status, 200);
      });

      it("PH4 says what the phone was asked, whatever language and names were chosen meanwhile", async () => {
        const owner = await newPhoneOwner();
        const request = await ask(owner);
        await sql("UPDATE subscribers SET language = 'de' WHERE username = ?", owner.username);
        assert.deepEqual(await owner.phone.requests(), [request]);
        assert.equal((await owner.phone.answer(request, "approve")).status, 200);
        assert.equal(await stateOf(request.id), "approved");

        // The next one is asked in German, and is about a factor that gets another name while it waits.
        await finish(owner.browser);
        const [factor] = await factorsOf(owner.username);
        await owner.browser.post("/account/approval", { action: "remove-factor", factor: String(factor?.["id"]) });
        const [removal] = await owner.phone.requests();
        assert.ok(removal !== undefined);
        assert.match(removal.message, /^Countersign test: /);
        assert.match(String(new Map(removal.details).get("Action")), /: Chrome on Android$/);
        await sql("UPDATE factors SET label = 'Another name' WHERE id = ?", factor?.["id"]);
        assert.deepEqual(await owner.phone.requests(), [removal]);
        assert.equal((await owner.phone.answer(removal, "approve")).status, 200);
        assert.equal(await stateOf(removal.id), "approved");
      });

      it("PH5 cannot be any other text that the phone signed", async () => {
        const owner = await newPhoneOwner();
        const request = await ask(owner);
        const { keys, hash } = owner.phone;
        const where = { endpoint: request.id, p256dh: hash, auth: "approve", vapid: requestDigest(request) };
        for (const text of [
          signedTexts.open(program.site, hash, request.id),
          signedTexts.subscription(program.site, hash, where),
          signedTexts.unsubscribe(program.site, hash),
          signedTexts.enrolment(program.site, request.id, hash, "approve", requestDigest(request)),
        ])
          assert.equal((await owner.phone.answer(request, "approve", { signature: keys.sign(text) })).status, 401);
        assert.equal(await stateOf(request.id), "pending");
      });

      it("is answered as callbacks are where nothing can come of it", async () => {
        const owner = await newPhoneOwner();
        const { phone } = owner;
        const request = await ask(owner);
        assert.equal((await phone.answer(request, "approve", { challenge: "x".repeat(24) })).status, 200);
        assert.equal((await phone.answer(request, "deny")).status, 200);
        assert.equal((await phone.answer(request, "deny")).status, 200);
        assert.equal((await phone.answer(request, "approve")).status, 200);
        assert.equal(await stateOf(request.id), "denied"); // the first answer stands
        const post = (body: string, type = "application/json", method = "POST") =>
          phone.browser.send(method, "/webhooks/phone", { headers: { "content-type": type }, body });
        assert.equal((await post("{}")).status, 400);
        assert.equal((await post("[")).status, 400);
        assert.equal((await post("a=b", "application/x-www-form-urlencoded")).status, 415);
        assert.equal((await post(JSON.stringify({ challenge: "x".repeat(9000) }))).status, 413);
        assert.equal((await post("{}", "application/json", "PUT")).status, 405);
        assert.equal((await phone.browser.get("/webhooks/phone")).status, 405);
      });

      it("PH6 counts no more once the phone was removed, before it answers and between answer and spending", async () => {
        const owner = await newPhoneOwner();
        const removePhone = async (): Promise<void> => {
          const [factor] = await factorsOf(owner.username);
          await sql("UPDATE factors SET state = 'removed' WHERE id = ?", String(factor?.["id"]));
        };
        const request = await ask(owner);
        assert.equal((await owner.phone.answer(request, "approve")).status, 200);
        await removePhone();
        await owner.browser.post("/login/approval/finish");
        assert.notEqual((await owner.browser.get("/account")).status, 200);
        assert.equal((await owner.phone.browser.get("/phone/requests")).status, 401);
        assert.equal((await owner.phone.open()).status, 401);

        const again = await newPhoneOwner();
        const late = await ask(again);
        await sql(
          "UPDATE factors SET state = 'removed' WHERE id = ?",
          String((await factorsOf(again.username))[0]?.["id"]),
        );
        assert.equal((await again.phone.answer(late, "approve")).status, 401);
        assert.equal(await stateOf(late.id), "pending");
      });

      it("PH7 settles once, however many phones answer at the same moment", async () => {
        const owner = await newPhoneOwner();
        const { second, id, factor } = await addSecondPhone(owner);
        const request = await ask(owner);
        assert.deepEqual(await second.requests(), [{ ...request, key: second.hash }]);
        const answers = await Promise.all([
          owner.phone.answer(request, "approve"),
          second.answer(request, "deny"),
          owner.phone.answer(request, "approve"),
          second.answer(request, "deny"),
        ]);
        const settled = answers.filter(({ body }) => body.includes('"settled"'));
        assert.equal(settled.length, 1);
        const [by] = await sql("SELECT state, answered_by AS who FROM challenges WHERE id = ?", request.id);
        assert.equal(by?.["who"], by?.["state"] === "approved" ? factor?.["id"] : id);
      });

      it("PH9 tells the account's phones what became of it and by whom, and no other's", async () => {
        const owner = await newPhoneOwner();
        const other = await newPhoneOwner();
        const outcome = async ({ phone }: Owner, id: string) => {
          const { status, body } = await phone.browser.get(`/phone/requests/${id}`);
          return status === 200 ? (JSON.parse(body) as Record<string, unknown>) : status;
        };
        const request = await ask(owner);
        const { username } = owner;
        const message = "Sign in to Countersign test?";
        assert.deepEqual(await outcome(owner, request.id), { message, username, outcome: "waiting", by: null });
        const newer = await ask(owner);
        assert.deepEqual(await outcome(owner, request.id), { message, username, outcome: "replaced", by: null });
        await owner.phone.answer(newer, "deny");
        const by = { isThis: true, label: "Chrome on Android" };
        assert.deepEqual(await outcome(owner, newer.id), { message, username, outcome: "denied", by });
        const cancelled = await ask(owner);
        await owner.browser.post("/login/approval/cancel");
        assert.deepEqual(await outcome(owner, cancelled.id), { message, username, outcome: "cancelled", by: null });
        assert.equal(await outcome(other, newer.id), 404);
        assert.equal(await outcome(owner, "x".repeat(24)), 404);
      });

      it("PH9 needs a signature: the phone's cookie reads and does nothing else", async () => {
        const owner = await newPhoneOwner();
        const request = await ask(owner);
        const thief = owner.phone.browser.copy();
        assert.equal((await thief.get("/phone/requests")).status, 200);
        const headers = { "content-type": "application/json" };
        const digest = requestDigest(request);
        const body = JSON.stringify({
          ...{ challenge: request.id, key: owner.phone.hash, decision: "approve", digest },
          signature: newSigningPhone().sign(Buffer.from("x")),
        });
        assert.equal((await thief.send("POST", "/webhooks/phone", { headers, body })).status, 401);
        assert.equal(await stateOf(request.id), "pending");
        assert.equal((await thief.get("/account")).status, 303);
        const unsigned = { key: owner.phone.hash, signature: newSigningPhone().sign(Buffer.from("x")) };
        const asPage = { ...headers, origin: program.site, "sec-fetch-site": "same-origin" };
        const forget = { headers: asPage, body: JSON.stringify(unsigned) };
        assert.equal((await thief.send("DELETE", "/phone/subscription", forget)).status, 401);
        assert.equal((await thief.get(`/challenges/${request.id}`)).status, 404);
        // A cookie that was tampered with reads nothing.
        const [name, value] = [...thief.cookies].find(([each]) => each.endsWith("phone")) ?? ["", ""];
        thief.cookies.set(
          name,
          value.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
        );
        assert.equal((await thief.get("/phone/requests")).status, 401);
      });

      it("PH16 reports once that it was somebody else, at once or within ten minutes of the same phone's denial", async () => {
        const owner = await newPhoneOwner();
        const other = await newPhoneOwner();
        const epoch = async () =>
          (await sql("SELECT epoch FROM subscribers WHERE username = ?", owner.username))[0]?.["epoch"];
        const request = await ask(owner);
        assert.equal((await other.phone.answer(request, "not-me")).status, 401);
        const before = Number(await epoch());
        await owner.phone.answer(request, "deny");
        assert.equal(await epoch(), before);
        const told = await Promise.all([1, 2, 3].map(() => owner.phone.answer(request, "not-me")));
        assert.deepEqual(
          told.map(({ status }) => status),
          [200, 200, 200],
        );
        assert.equal(told.filter(({ body }) => body.includes("reported")).length, 1);
        assert.equal(await epoch(), before + 1);
        assert.equal((await owner.phone.answer(request, "not-me")).status, 200);
        assert.equal(await epoch(), before + 1);

        const late = await newPhoneOwner();
        const denied = await ask(late);
        await late.phone.answer(denied, "deny");
        await sql("UPDATE challenges SET settled_at = '2020-01-01 00:00:00.000' WHERE id = ?", denied.id);
        assert.doesNotMatch((await late.phone.answer(denied, "not-me")).body, /reported/);

        // What another phone of the account denied is not this one's to report.
        const two = await newPhoneOwner();
        const { second } = await addSecondPhone(two);
        const shared = await ask(two);
        await second.answer(shared, "deny");
        assert.doesNotMatch((await two.phone.answer(shared, "not-me")).body, /reported/);
        assert.match((await second.answer(shared, "not-me")).body, /reported/);
      });
    });

    describe("a phone that asks its owner to unlock each approval", () => {
      it("PH8 takes a credential only that was made for this enrolment, here, and unlocked", async () => {
        const account = await newAccount();
        const secret = await beginEnrolment(account);
        const phone = openOwnPhone(program.site);
        const twists: Twist[] = [
          { isUnlocked: false },
          { origin: "https://evil.example" },
          { rpId: "evil.example" },
          { challenge: "A".repeat(43) },
          { crossOrigin: true },
        ];
        for (const locked of twists) {
          const { status, body } = await phone.claim(secret, { locked });
          assert.deepEqual([status, body], [401, '{"error":"bad-credential"}'], JSON.stringify(locked));
        }
        // Nothing was spent.
        assert.equal((await phone.claim(secret, { locked: {} })).status, 200);
      });

      it("PH8 approves nothing without it, although the phone leaves it out, and denies without asking", async () => {
        const owner = await newPhoneOwner({});
        const other = await newPhoneOwner({});
        const { phone } = owner;
        const request = await ask(owner);
        const elsewhere = { ...request, id: randomUUID() };
        const refused = [
          phone.answer(request, "approve"),
          phone.answer(request, "approve", { assertion: {} }),
          phone.answer(request, "approve", { assertion: phone.unlock(request, "approve", { isUnlocked: false }) }),
          phone.answer(request, "approve", { assertion: phone.unlock(request, "deny") }),
          phone.answer(request, "approve", { assertion: phone.unlock(elsewhere) }),
          phone.answer(request, "approve", {
            assertion: phone.unlock(request, "approve", { origin: "https://a.example" }),
          }),
          phone.answer(request, "approve", { assertion: phone.unlock(request, "approve", { rpId: "a.example" }) }),
          phone.answer(request, "approve", {
            assertion: phone.unlock(request, "approve", { by: other.phone.lock.credentials[0]!.privateKey }),
          }),
          phone.answer(request, "approve", { assertion: other.phone.unlock(request) }),
        ];
        for (const { status, body } of await Promise.all(refused))
          assert.deepEqual([status, body], [401, '{"message":"not-unlocked"}']);
        assert.equal(await stateOf(request.id), "pending");
        // It stands beside the phone's own signature, and never for it.
        const unsigned = { assertion: phone.unlock(request), signature: newSigningPhone().sign(Buffer.from("x")) };
        assert.equal((await phone.answer(request, "approve", unsigned)).status, 401);
        assert.equal((await phone.answer(request, "approve", { assertion: phone.unlock(request) })).status, 200);
        assert.equal(await stateOf(request.id), "approved");

        const denied = await ask(owner);
        assert.equal((await phone.answer(denied, "deny")).status, 200);
        assert.equal(await stateOf(denied.id), "denied");
      });

      it("PH8 opens nothing as a passkey, by name, not even one that was also added as a passkey", async () => {
        const { phone, username } = await newPhoneOwner({});
        const browser = program.openBrowser();
        const alone = async () => {
          const { said } = await askScript(browser, "/login/passkey/options");
          return askScript(browser, "/login/passkey", phone.lock.use(said));
        };
        assert.notEqual((await alone()).status, 200);
        assert.ok(program.lines.some(({ why }) => why === "phone-credential"));

        // Its twin among the passkeys, put into the rows.
        const [credential] = phone.lock.credentials;
        const [factor] = await factorsOf(username);
        const [key] = await sql("SELECT * FROM phone_keys WHERE id = ?", String(factor?.["id"]));
        const id = randomUUID();
        await sql(
          "INSERT INTO factors (id, subscriber_id, type, authy_id, state, created_at, label, is_preferred) SELECT ?, subscriber_id, 'passkey', ?, state, created_at, '', is_preferred FROM factors WHERE id = ?",
          ...[id, String(key?.["credential_hash"]), String(factor?.["id"])],
        );
        await sql(
          "INSERT INTO passkeys VALUES (?, ?, ?, 0, '', ?, ?, '2026-01-01 00:00:00.000')",
          ...[id, credential?.id, key?.["credential_key"], ...(database === "sqlite" ? [0, 0] : [false, false])],
        );
        const subscriber = await sql("SELECT id FROM subscribers WHERE username = ?", username);
        await sql(
          "INSERT INTO passkey_users VALUES (?, ?, '2026-01-01 00:00:00.000')",
          subscriber[0]?.["id"],
          credential?.userHandle,
        );
        assert.notEqual((await alone()).status, 200);
        assert.notEqual((await browser.get("/account")).status, 200);
      });
    });

    describe("where a phone of our own can be rung", () => {
      const vapid = async ({ phone }: Owner) => (JSON.parse((await phone.open()).body) as { vapid: string }).vapid;
      const subscriptionOf = (endpoint: string, vapidKey: string) => {
        const p256dh = newSigningPhone().spki.subarray(26).toString("base64url");
        return { endpoint, p256dh, auth: "A".repeat(21) + "A", vapid: vapidKey };
      };

      it("PH5 is kept and forgotten by signatures of its own", async () => {
        const owner = await newPhoneOwner();
        const { phone } = owner;
        const where = subscriptionOf("https://fcm.googleapis.com/fcm/send/abc", await vapid(owner));
        const sign = (text: Buffer) => phone.keys.sign(text);
        const put = (signature: string, change = {}) =>
          phone.post("/phone/subscription", { key: phone.hash, ...where, ...change, signature }, "PUT");
        const text = signedTexts.subscription(program.site, phone.hash, where);
        assert.equal((await put(sign(signedTexts.unsubscribe(program.site, phone.hash)))).status, 401);
        assert.equal((await put(newSigningPhone().sign(text))).status, 401);
        assert.equal((await put(sign(text), { endpoint: `${where.endpoint}d` })).status, 401);
        assert.equal((await put(sign(text))).status, 200);
        const kept = async () =>
          (await sql("SELECT * FROM push_subscriptions WHERE endpoint = ?", where.endpoint)).length;
        assert.equal(await kept(), 1);
        const forget = (signature: string) =>
          phone.post("/phone/subscription", { key: phone.hash, signature }, "DELETE");
        assert.equal((await forget(sign(text))).status, 401);
        assert.equal(await kept(), 1);
        assert.equal((await forget(sign(signedTexts.unsubscribe(program.site, phone.hash)))).status, 200);
        assert.equal(await kept(), 0);
      });

      it("PH12 is only where push services are", async () => {
        const owner = await newPhoneOwner();
        const { phone } = owner;
        const key = await vapid(owner);
        for (const endpoint of [
          "https://127.0.0.1/x",
          "http://fcm.googleapis.com/x",
          "https://example.com/x",
          "https://fcm.googleapis.com:8443/x",
        ]) {
          const where = subscriptionOf(endpoint, key);
          const signature = phone.keys.sign(signedTexts.subscription(program.site, phone.hash, where));
          assert.equal(
            (await phone.post("/phone/subscription", { key: phone.hash, ...where, signature }, "PUT")).status,
            422,
          );
        }
        const where = subscriptionOf(
          "https://fcm.googleapis.com/x",
          newSigningPhone().spki.subarray(26).toString("base64url"),
        );
        const signature = phone.keys.sign(signedTexts.subscription(program.site, phone.hash, where));
        assert.equal(
          (await phone.post("/phone/subscription", { key: phone.hash, ...where, signature }, "PUT")).status,
          422,
        );
      });
    });
  });
