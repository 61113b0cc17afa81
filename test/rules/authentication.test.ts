import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, describe, it } from "node:test";
import { hash } from "@node-rs/argon2";

import { passwords } from "../../src/passwords/argon2.js";
import type { Answer } from "../kit/browser.js";
import { enrol, isSignedIn, type Person, register, sendCallback } from "../kit/people.js";
import { type Program, startProgram } from "../kit/program.js";
import { setBack } from "../kit/rows.js";

const WRONG = "not the password at all";

const program = await startProgram(
  { after },
  {
    workers: 0,
    env: {
      TRUST_PROXY: "1",
      LIMIT_LOGINS: "0",
      LIMIT_FAILURES: "12",
      FAILURE_WAIT_SECONDS: "0",
      PASSWORD_MIN_LENGTH: "12",
    },
  },
);
const strict = await startProgram(
  { after },
  { workers: 0, env: { LIMIT_LOGINS_PER_ADDRESS: "4", TRUST_PROXY: "1", FAILURE_WAIT_SECONDS: "60" } },
);

describe("wrong passwords and codes", () => {
  const failures = (bucket: string, at: Program = program): number =>
    Number(at.rows.one("SELECT count FROM failure_counts WHERE bucket = ?", bucket)?.["count"] ?? 0);
  const tryFromUnknown = (at: Program, username: string, password: string, address = "198.51.100.1"): Promise<Answer> =>
    at.openBrowser({ address }).post("/login", { username, password });
  /** What an answer shows, without what differs between any two. */
  const shown = ({ status, headers, body }: Answer, username: string) => ({
    status,
    headers: Object.keys(headers).sort(),
    location: headers.location,
    length: headers["content-length"] === undefined ? null : Number(headers["content-length"]) - username.length,
    body: body.replaceAll(username, "NAME").replace(/(?:name="csrf" value|data-csrf)="[^"]+"/g, ""),
  });

  it("A1 answers an unknown name, a wrong password, with or without a phone, and a locked account alike", async () => {
    const [plain, withPhone, locked] = [await register(program), await enrol(program), await register(program)];
    program.rows.run("INSERT INTO failure_counts VALUES (?, 12, '2999-01-01 00:00:00.000')", `name:${locked.username}`);
    const answers = [
      shown(await tryFromUnknown(program, "nobody-here", WRONG), "nobody-here"),
      shown(await tryFromUnknown(program, plain.username, WRONG), plain.username),
      shown(await tryFromUnknown(program, withPhone.username, WRONG), withPhone.username),
      shown(await tryFromUnknown(program, locked.username, WRONG), locked.username),
      shown(await tryFromUnknown(program, locked.username, locked.password), locked.username),
    ];
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.equal(answers[0]?.status, 422);
  });

  it("A4 judges no more than the limit between successes, the right password included", async () => {
    const person = await register(program);
    for (let tries = 0; tries < 20; tries += 1) await tryFromUnknown(program, person.username, WRONG);
    assert.equal(failures(`name:${person.username}`), 12);
    assert.equal((await tryFromUnknown(program, person.username, person.password)).status, 422);
  });

  it("A4 makes waits grow after the first five", async () => {
    const person = await register(strict);
    const bucket = `name:${person.username}`;
    let tries = 0;
    const countAfterTry = async (): Promise<number> => {
      tries += 1;
      await tryFromUnknown(strict, person.username, WRONG, `198.51.100.${10 + tries}`);
      return failures(bucket, strict);
    };
    const letPass = (seconds: number): void => {
      strict.rows.run(`UPDATE failure_counts SET ${setBack(seconds, "last_at")} WHERE bucket = ?`, bucket);
    };
    for (let free = 1; free <= 5; free += 1) assert.equal(await countAfterTry(), free);
    assert.equal(await countAfterTry(), 5, "within the wait nothing is judged");
    letPass(60);
    assert.equal(await countAfterTry(), 6);
    letPass(60);
    assert.equal(await countAfterTry(), 6, "the next wait is longer");
    letPass(60);
    assert.equal(await countAfterTry(), 7);
  });

  it("A4 buys no guesses at the codes with the right password", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    let judged = 0;
    for (let round = 0; round < 8; round += 1) {
      await person.login(browser);
      for (let guess = 0; guess < 3; guess += 1) {
        const answer = await browser.post("/login/code", { code: "0000000" });
        if (answer.status === 422) judged += 1;
      }
    }
    assert.equal(judged <= 12, true, `${judged} codes were judged`);
    assert.equal(failures(`name:${person.username}`), 12);
  });

  it("A5 accepts the owner in a known browser after unknown ones have used up every try", async () => {
    const person = await enrol(program);
    for (let tries = 0; tries < 15; tries += 1) await tryFromUnknown(program, person.username, WRONG);
    await person.browser.post("/logout");
    await person.signIn();
    assert.equal(await isSignedIn(person.browser), true);
    assert.equal(failures(`name:${person.username}`), 12, "and the count of unknown browsers stays");
  });

  it("A6 limits tries by address, by the /64 of an IPv6 one, and tells when to come back", async () => {
    const seen: number[] = [];
    for (let tries = 0; tries < 6; tries += 1) {
      const reply = await tryFromUnknown(strict, `nobody${tries}`, WRONG, `2001:db8:1:2::${tries + 1}`);
      seen.push(reply.status);
      if (reply.status === 429) assert.match(String(reply.headers["retry-after"]), /^[1-9]\d*$/);
    }
    assert.deepEqual(seen, [422, 422, 422, 422, 429, 429]);
    assert.equal((await tryFromUnknown(strict, "nobody", WRONG, "2001:db8:1:3::1")).status, 422);
  });

  it("A7 puts case, Unicode form and blanks into one bucket", async () => {
    const person = await register(program);
    const name = person.username;
    const wide = Array.from(name, (sign) => String.fromCodePoint((sign.codePointAt(0) ?? 0) + 0xfee0)).join("");
    for (const written of [name, name.toUpperCase(), `  ${name}\t`, wide, ` ${wide.toUpperCase()} `])
      await tryFromUnknown(program, written, WRONG);
    assert.equal(failures(`name:${name}`), 5);
  });

  it("A7 takes no address from forged forwarding headers", async () => {
    const seen: number[] = [];
    for (let tries = 0; tries < 6; tries += 1) {
      const browser = strict.openBrowser({ address: `203.0.113.${tries}, 198.51.100.99` });
      const headers = {
        "x-real-ip": `203.0.113.${tries}`,
        forwarded: `for=203.0.113.${tries}`,
        "true-client-ip": "1.1.1.1",
      };
      seen.push((await browser.post("/login", { username: `nobody-a7-${tries}`, password: WRONG }, headers)).status);
    }
    assert.deepEqual(seen, [422, 422, 422, 422, 429, 429]);
  });

  it("A8 goes on limiting while Redis is away", async () => {
    await strict.redis.kill();
    const seen: number[] = [];
    for (let tries = 0; tries < 6; tries += 1)
      seen.push((await tryFromUnknown(strict, `nobody-a8-${tries}`, WRONG, "198.51.100.50")).status);
    await strict.redis.restart();
    assert.deepEqual(seen, [422, 422, 422, 422, 429, 429]);
  });

  it("A9 counts a try before it is judged, so that parallel guesses are no free ones", async () => {
    const person = await register(program);
    const browsers = await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        const browser = program.openBrowser({ address: `198.51.101.${at}` });
        await browser.token();
        return browser;
      }),
    );
    await Promise.all(
      browsers.map((browser) => browser.post("/login", { username: person.username, password: WRONG })),
    );
    assert.equal(failures(`name:${person.username}`), 12);
    const recorded = program.rows.count(
      "SELECT count(*) FROM audit_events WHERE kind = 'sign-in-failed' AND subscriber_id = ?",
      person.id,
    );
    assert.equal(recorded, 12, "each judged try is in the history, and no other");
  });

  async function problem(password: string, username: string, email = "a.person@example.com"): Promise<string> {
    const reply = await program.openBrowser().post("/register", { username, email, password });
    if (reply.status === 303) return "";
    assert.equal(reply.status, 422);
    return /id="password-error"[^>]*>([^<]+)/.exec(reply.body)?.[1]?.trim() ?? reply.body;
  }

  it("A10 takes 12 code points and more without composition rules, counts after NFKC, and cuts nothing off", async () => {
    assert.match(await problem("elevensigns", "length-eleven"), /at least 12/);
    assert.equal(await problem("abcdefgh ijkl", "length-enough"), "");
    assert.match(await problem("\u{1f98a}".repeat(5), "length-foxes"), /at least 12/);
    assert.match(await problem(`${"long ".repeat(51)}ab`, "length-257"), /at most 256/);
    const long = `${"way to go ".repeat(25)}end!!!`;
    assert.equal(Buffer.byteLength(long), 256);
    assert.equal(await problem(long, "length-256"), "");
    assert.equal(
      (await program.openBrowser().post("/login", { username: "length-256", password: long.slice(0, -1) })).status,
      422,
    );
    assert.equal((await program.openBrowser().post("/login", { username: "length-256", password: long })).status, 303);
  });

  it("A10 knows a password in any Unicode form", async () => {
    assert.equal(await problem("caf\u00e9 \ufb01ve seven eleven", "unicode-forms"), "");
    const typed = "cafe\u0301 five seven eleven";
    assert.equal(
      (await program.openBrowser().post("/login", { username: "unicode-forms", password: typed })).status,
      303,
    );
  });

  it("A11 refuses common, repeated, own-name and service-name passwords with a reason", async () => {
    for (const common of ["1234567890123456", "9876543210987", "1q2w3e4r5t6y", "password1234", "2026-Sunshine!"])
      assert.match(await problem(common, "common-one"), /common/, common);
    assert.match(await problem("abcabcabcabc", "repeating"), /repeats/);
    assert.match(await problem("ada-lovelace-12", "ada-lovelace"), /your name/);
    assert.match(await problem("Countersign2026!", "service-name"), /ours/);
    assert.match(await problem("countersign test", "app-name"), /ours/);
    assert.match(await problem("rosalind.f@example.org", "somebody", "rosalind.f@example.org"), /address/);
  });

  it("A13 hashes with argon2id at 19 MiB and two passes", async () => {
    const made = await passwords(false, 4).hash("a password");
    const [, memory, passes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/.exec(made) ?? [];
    assert.equal(Number(memory) >= 19_456 && Number(passes) >= 2, true, made.slice(0, 40));
  });

  it("A14 hashes anew at sign-in when the settings have risen, and refuses absurd ones", async () => {
    const person = await register(program);
    const weak = await hash(person.password, { memoryCost: 32, timeCost: 1, parallelism: 1 });
    program.rows.run("UPDATE subscribers SET password_hash = ? WHERE username = ?", weak, person.username);
    assert.equal((await person.login(program.openBrowser())).status, 303);
    const stored = program.rows.one("SELECT password_hash FROM subscribers WHERE username = ?", person.username);
    assert.match(String(stored?.["password_hash"]), /m=64,t=1/);
    for (const absurd of [
      { memoryCost: 32, timeCost: 21, parallelism: 1 },
      { memoryCost: 136, timeCost: 1, parallelism: 17 },
    ]) {
      const right = await hash(person.password, absurd);
      program.rows.run("UPDATE subscribers SET password_hash = ? WHERE username = ?", right, person.username);
      assert.equal((await person.login(program.openBrowser())).status, 422, "it hashed with absurd settings");
    }
    const before = process.resourceUsage().maxRSS;
    assert.equal(await passwords(true, 4).verify(weak.replace("m=32", "m=1048577"), person.password), false);
    const grownKiB = process.resourceUsage().maxRSS - before;
    assert.ok(grownKiB < 524_288, `it took ${grownKiB} KiB for absurd settings`);
  });

  it("A15 hashes a bounded number at once, then answers 503 with Retry-After; the owner does not queue behind", async () => {
    const busy = await startProgram(
      { after },
      { workers: 0, env: { ARGON2_TEST_STRENGTH: "false", LIMIT_HASHES_QUEUED: "3", LIMIT_LOGINS: "0" } },
    );
    const person = await register(busy);
    await person.browser.post("/logout");
    const browsers = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const browser = busy.openBrowser();
        await browser.token();
        return browser;
      }),
    );
    const flood = browsers.map((browser, at) => browser.post("/login", { username: `flood${at}`, password: WRONG }));
    const own = person.login();
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status === 503);
    assert.equal(refused.length > 0, true);
    for (const { headers } of refused) assert.match(String(headers["retry-after"]), /^[1-9]\d*$/);
    assert.equal((await own).status, 303);
  });

  it("A16 changes a password only for the old one, ends other sessions and what waits", async () => {
    const person = await register(program);
    const other = program.openBrowser();
    await person.login(other);
    const form = { current_password: WRONG, password: "amber window river nine" };
    assert.equal((await person.browser.post("/account/password", form)).status, 422);
    assert.equal(await isSignedIn(other), true);
    const changed = await person.browser.post("/account/password", { ...form, current_password: person.password });
    assert.equal(changed.status, 303);
    assert.equal(await isSignedIn(other), false);
    assert.equal(await isSignedIn(person.browser), true);
  });

  it("A16 makes a waiting sign-in worthless when the password changes", async () => {
    const person = await enrol(program);
    const thief = program.openBrowser();
    await person.login(thief);
    const { uuid, details } = await person.request();
    await person.stepUp("change-password").catch(() => undefined);
    const asked = (await person.requests()).find(({ details: d }) => d["Action"] !== undefined);
    assert.notEqual(asked, undefined, "the step-up named its action");
    await program.phone.answer(asked?.uuid ?? "", "approve").catch(() => undefined);
    await person.browser.post("/account/approval/finish");
    const form = { current_password: person.password, password: "amber window river nine" };
    assert.equal((await person.browser.post("/account/password", form)).location, "/account");
    await sendCallback(program, uuid, person.authyId, "approved");
    await thief.post("/login/approval/finish", { match_code: details["Code"] ?? "" });
    assert.equal(await isSignedIn(thief), false);
  });

  it("A17 W23 does not start on empty, short or example secrets in production", () => {
    const start = (more: Record<string, string>): { status: number | null; said: string } => {
      const env = { ...program.env, NODE_ENV: "production", ARGON2_TEST_STRENGTH: "false", ...more };
      const { status, stderr } = spawnSync(process.execPath, ["dist/src/server.js"], {
        env,
        encoding: "utf8",
        timeout: 120_000,
      });
      return { status, said: stderr };
    };
    const keys = "k3Jx9QmZ7vRt2LpW8sNcY4hBf6DgUaE1";
    for (const [name, env] of [
      ["SESSION_KEYS", { SESSION_KEYS: "" }],
      ["SESSION_KEYS", { SESSION_KEYS: "short" }],
      ["SESSION_KEYS", { SESSION_KEYS: "a".repeat(40) }],
      ["AUTHY_PRODUCTION_API_KEY", { SESSION_KEYS: keys, AUTHY_PRODUCTION_API_KEY: "" }],
      ["AUTHY_PRODUCTION_API_KEY", { SESSION_KEYS: keys, AUTHY_PRODUCTION_API_KEY: "your-api-key" }],
      ["AUTHY_WEBHOOK_SIGNING_KEY", { SESSION_KEYS: keys, AUTHY_WEBHOOK_SIGNING_KEY: "" }],
      ["ARGON2_TEST_STRENGTH", { SESSION_KEYS: keys, ARGON2_TEST_STRENGTH: "true" }],
    ] as const) {
      const { status, said } = start(env);
      assert.equal(status, 78, said);
      assert.match(said, new RegExp(name));
    }
  });

  it("A18 takes each field as exactly one plain text, and asks the database nothing else", async () => {
    const person = await register(program);
    const send = async (path: string, form: string): Promise<number> => {
      const browser = program.openBrowser();
      const body = `csrf=${encodeURIComponent(await browser.token())}&${form}`;
      const headers = {
        "content-type": "application/x-www-form-urlencoded",
        origin: browser.origin,
        "sec-fetch-site": "same-origin",
      };
      return (await browser.send("POST", path, { body, headers })).status;
    };
    const password = encodeURIComponent(person.password);
    for (const form of [
      `username=${person.username}&username=x&password=${password}`,
      `username[]=${person.username}&password=${password}`,
      `username[$ne]=&password=${password}`,
      `username[length]=1&password=${password}`,
      `password=${password}`,
      `username=${person.username}`,
      `username=${person.username}%00&password=${password}`,
      `username=${person.username}&password=${password}&password=${password}`,
      `username=${person.username}&password=${password}&next=/a&next=/b`,
    ])
      assert.equal(await send("/login", form), 400, form);
    assert.equal(await send("/register", `username[]=aaa&email=a@example.com&password=${password}`), 400);
    assert.equal(await send("/login", `username=%ed%a0%80&password=${password}`), 422, "half a surrogate is no name");
  });

  it("A19 has no other way to level 2: every page of an account sends a half sign-in away", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    for (const path of [
      "/account",
      "/account/two-factor",
      "/account/two-factor/registration",
      "/account/two-factor/registration/qrcode.svg",
      "/account/two-factor/disable",
      "/account/recovery-codes",
      "/account/password",
      "/account/sessions",
      "/account/activity",
      "/account/approval",
    ]) {
      const { status, location } = await browser.get(path);
      assert.equal(status, 303, path);
      assert.match(location, /^\/login/, path);
    }
    for (const path of ["/account/two-factor/disable", "/account/recovery-codes", "/account/two-factor/registration"])
      assert.match((await browser.post(path)).location, /^\/login/, path);
    assert.equal((await browser.post("/login/approval/finish")).location, "/login/approval?still=pending");
  });

  it("A20 fails closed when Authy says anything odd", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    for (const faults of [
      { status: 200, error_rate: 1 },
      { status: 302, error_rate: 1 },
      { status: 500, error_rate: 1 },
    ]) {
      await program.phone.faults(faults);
      const answer = await browser.post("/login/code", { code: "1234567" });
      assert.notEqual(answer.location, "/account");
      assert.equal(await isSignedIn(browser), false);
    }
    await program.phone.faults();
  });

  it("A4 counts recovery codes and app codes with everything else, and spends a recovery code once", async () => {
    const person = await enrol(program);
    const codes = await recoveryCodesOf(person);
    assert.equal(codes.length, 10);
    const [first = "", second = ""] = codes;
    const count = (which: "used" | "left"): number =>
      program.rows.count(
        `SELECT count(*) FROM recovery_codes WHERE subscriber_id = ? AND (used_at IS NULL) = ?`,
        person.id,
        which === "left" ? 1 : 0,
      );
    const guesser = program.openBrowser();
    await person.login(guesser);
    for (const [at, wrong] of ["aaaa-aaaa-aaaa-aaaa", "0000000", "bbbb-bbbb-bbbb-bbbb"].entries()) {
      assert.equal((await guesser.post("/login/code", { code: wrong })).status, 422);
      assert.equal(failures(`name:${person.username}`), at + 1, "passwords and codes share one count");
    }
    assert.deepEqual([count("used"), count("left")], [0, 10]);
    const browsers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const browser = program.openBrowser();
        await person.login(browser);
        return browser;
      }),
    );
    const answers = await Promise.all(browsers.map((browser) => browser.post("/login/code", { code: first })));
    assert.equal(answers.filter(({ location }) => location === "/account").length, 1);
    assert.deepEqual([count("used"), count("left")], [1, 9]);
    assert.equal((await guesser.post("/login/code", { code: first })).status, 422, "it is spent");
    assert.equal((await guesser.post("/login/code", { code: second })).location, "/account");
    assert.deepEqual([count("used"), count("left")], [2, 8]);
    const kept = program.rows.all("SELECT code_hash FROM recovery_codes WHERE subscriber_id = ?", person.id);
    assert.equal(kept.length, 10);
    for (const row of kept) assert.equal(codes.includes(String(row["code_hash"])), false);
  });

  async function recoveryCodesOf(person: Person): Promise<string[]> {
    await person.stepUp("new-recovery-codes");
    await person.browser.post("/account/recovery-codes");
    const { body } = await person.browser.get("/account/recovery-codes");
    return [...new Set(body.match(/\b[a-z2-9]{4}(?:-[a-z2-9]{4}){3}\b/g) ?? [])];
  }

  it("A20 takes the app's code once Authy calls it valid, and sends no text message unless they are switched on", async () => {
    const person = await enrol(program);
    const browser = program.openBrowser();
    await person.login(browser);
    assert.equal((await browser.post("/login/code/sms")).location, "/login/code");
    assert.equal((await browser.post("/login/code", { code: "0000000" })).status, 422);
    const right = await browser.post("/login/code", { code: await program.phone.code(person.authyId) });
    assert.equal(right.location, "/account");
    assert.equal(await isSignedIn(browser), true);
  });
});
