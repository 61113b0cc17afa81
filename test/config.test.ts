import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { ConfigError, documentedSettings, loadConfig } from "../src/config.js";

const REQUIRED = { AUTHY_APP_NAME: "Acme", AUTHY_APP_ID: "359137", AUTHY_PRODUCTION_API_KEY: "k" };
const CERTIFICATE = "test/kit/certificates/authority.pem";
const keys = (): string[] => ["a key of this test"];
const load = (env: Record<string, string>) => loadConfig({ ...REQUIRED, ...env }, keys);

function problemsOf(env: Record<string, string>): Record<string, string> {
  try {
    loadConfig(env, keys);
    return {};
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return Object.fromEntries(error.problems.map((p) => [p.variable, p.problem]));
  }
}

describe("the environment", () => {
  it("has the defaults of the contract", () => {
    const config = load({});
    assert.equal(config.host, "127.0.0.1");
    assert.equal(config.port, 3000);
    assert.equal(config.publicUrl, "http://localhost:3000");
    assert.equal(config.trustedProxies, 0);
    assert.equal(config.databaseUrl, "sqlite:.data/countersign.sqlite");
    assert.equal(config.databasePoolSize, 10);
    assert.deepEqual(config.redis, { host: "127.0.0.1", port: 6379, db: 0, family: 0 });
    assert.equal(config.authy?.apiUrl, "https://api.authy.com");
    assert.equal(config.authy.callbackUrl, "http://localhost:3000/webhooks/authy/onetouch");
    assert.equal(config.authy.webhookUrl, "http://localhost:3000/webhooks/authy/events");
    assert.deepEqual(config.authy.webhookSigningKeys, []);
    assert.equal(config.authy.qrPrefix, "authy://account?token=");
    assert.equal(config.rules.approvalTtlSeconds, 120);
    assert.equal(config.rules.registrationTtlSeconds, 300);
    assert.equal(config.rules.rememberSeconds, 30 * 86_400);
    assert.equal(config.rules.matchCode, "new-browser");
    assert.equal(config.rules.passwordMinLength, 12);
    assert.deepEqual([config.rules.pushLimit, config.rules.resendLimit, config.rules.resendAfterSeconds], [10, 3, 30]);
    assert.equal(config.limits.loginsPerAddressAndMinute, 60);
    assert.equal(config.limits.registrationsPerAddressAndHour, 20);
    assert.deepEqual(
      [
        config.limits.streamsPerSession,
        config.limits.streamsPerUser,
        config.limits.streamsPerAddress,
        config.limits.streams,
      ],
      [3, 6, 20, 20_000],
    );
    assert.equal(config.logLevel, "info");
    assert.equal(config.keepAliveTimeoutMs, 65_000);
  });

  const wrong: readonly (readonly [variable: string, value: string])[] = [
    ["PORT", "0"],
    ["PORT", "65536"],
    ["PORT", "3000x"],
    ["PUBLIC_URL", "login.example.com"],
    ["PUBLIC_URL", "ftp://login.example.com"],
    ["PUBLIC_URL", "https://login.example.com/path"],
    ["TRUST_PROXY", "11"],
    ["TRUST_PROXY", "true"],
    ["SESSION_KEYS", "one,,two"],
    ["DATABASE_URL", "mysql://x"],
    ["SESSION_KEYS", ""],
    ["DATABASE_URL", "sqlite:"],
    ["DATABASE_URL", "sqlite: "],
    ["DATABASE_URL", "sqlite::memory:"],
    ["DATABASE_URL", "postgres://:::"],
    ["DATABASE_URL", "postgres://db/main?sslmode=prefer"],
    ["DATABASE_POOL_SIZE", "0"],
    ["DATABASE_POOL_SIZE", "many"],
    ["DATABASE_URL", "postgres://a:99999/b"],
    ["REDIS_URL", "localhost:6379"],
    ["REDIS_URL", "redis://:::"],
    ["REDIS_URL", "redis://a b"],
    ["REDIS_CA", "/nowhere/ca.pem"],
    ["REDIS_CA", "package.json"],
    ["FACTORS", "authy,authy"],
    ["FACTORS", "authy totp"],
    ["FACTORS", "authy,sms"],
    ["SECRET_KEYS", "short"],
    ["SECRET_KEYS", ""],
    ["AUTHY_APP_NAME", " "],
    ["AUTHY_APP_ID", " "],
    ["AUTHY_PRODUCTION_API_KEY", ""],
    ["AUTHY_API_URL", "api.authy.com"],
    ["AUTHY_CALLBACK_URL", "/webhooks"],
    ["AUTHY_WEBHOOK_URL", "nowhere"],
    ["AUTHY_WEBHOOK_SIGNING_KEY", ""],
    ["AUTHY_QR_PREFIX", "no prefix"],
    ["APPROVAL_TTL_SECONDS", "4"],
    ["APPROVAL_TTL_SECONDS", "3601"],
    ["REGISTRATION_TTL_SECONDS", "1.5"],
    ["REMEMBER_DAYS", "0"],
    ["MATCH_CODE", "sometimes"],
    ["PASSWORD_MIN_LENGTH", "-1"],
    ["LIMIT_STREAMS_PER_SESSION", "many"],
    ["LIMIT_STREAMS_PER_USER", "-1"],
    ["LIMIT_STREAMS_PER_ADDRESS", "1e3"],
    ["LIMIT_STREAMS", "0x10"],
    ["LIMIT_PUSHES", "ten"],
    ["LIMIT_RESENDS", "3 3"],
    ["RESEND_AFTER_SECONDS", "30s"],
    ["LIMIT_LOGINS_PER_ADDRESS", "-5"],
    ["LIMIT_REGISTRATIONS_PER_ADDRESS", "∞"],
    ["LOG_LEVEL", "loud"],
    ["TEXT_MESSAGES", "yes"],
    ["KEEP_ALIVE_TIMEOUT_MS", "999"],
    ["HOST", "127.0.0.1\nPORT=80"],
    ["SESSION_KEYS", "one,\ntwo"],
    ["AUTHY_WEBHOOK_SIGNING_KEY", "WSK_1\r\nWSK_2"],
    ["AUTHY_PREVIOUS_API_KEY", " \n"],
  ];
  for (const [variable, value] of wrong)
    it(`refuses ${variable}=${JSON.stringify(value)} by name and leaves the rest alone`, () => {
      assert.deepEqual(Object.keys(problemsOf({ ...REQUIRED, [variable]: value })), [variable]);
    });

  it("names every problem at once, each with an example", () => {
    const env = Object.fromEntries(wrong);
    try {
      loadConfig(env, keys);
      assert.fail("it was taken");
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      const names = new Set(wrong.map(([variable]) => variable));
      assert.deepEqual(new Set(error.problems.map((p) => p.variable)), names);
      for (const name of names) assert.match(error.message, new RegExp(`^  ${name}: .+ \\(example: .+\\)$`, "m"));
    }
  });

  it("takes REDIS_CA as the path of a certificate, for an encrypted connection only", () => {
    const problemWith = (env: Record<string, string>) => problemsOf({ ...REQUIRED, ...env })["REDIS_CA"];
    const encrypted = { REDIS_URL: "rediss://h" };
    assert.match(problemWith({ REDIS_CA: CERTIFICATE }) ?? "", /REDIS_URL must begin with rediss:/);
    assert.match(problemWith({ ...encrypted, REDIS_CA: "/nowhere/ca.pem" }) ?? "", /cannot be read \(ENOENT\)/);
    assert.match(problemWith({ ...encrypted, REDIS_CA: "package.json" }) ?? "", /without a certificate/);
    const { redis } = load({ ...encrypted, REDIS_CA: CERTIFICATE });
    assert.deepEqual(redis.tls, { ca: readFileSync(CERTIFICATE, "utf8") });
  });

  it("takes any certificate with REDIS_TLS_VERIFY=false, which is for an encrypted connection without REDIS_CA", () => {
    const unverified = { REDIS_TLS_VERIFY: "false" };
    const problemWith = (env: Record<string, string>) => problemsOf({ ...REQUIRED, ...env })["REDIS_TLS_VERIFY"];
    assert.match(problemWith(unverified) ?? "", /REDIS_URL must begin with rediss:/);
    assert.match(problemWith({ REDIS_URL: "rediss://h", REDIS_TLS_VERIFY: "no" }) ?? "", /true or false/);
    assert.match(problemWith({ REDIS_URL: "rediss://h", REDIS_CA: CERTIFICATE, ...unverified }) ?? "", /REDIS_CA/);
    assert.deepEqual(load({ REDIS_URL: "rediss://h", ...unverified }).redis.tls, { rejectUnauthorized: false });
    assert.deepEqual(load({ REDIS_URL: "rediss://h" }).redis.tls, {});
  });

  it("is trimmed alike everywhere: blanks and line ends around a value count for nothing", () => {
    const blanks = ["\n", "\r\n", " ", "\t", "\u00a0", "\ufeff"];
    const plain = {
      ...REQUIRED,
      NODE_ENV: "production",
      SESSION_KEYS: "0123456789abcdef0123456789abcdef",
      AUTHY_PRODUCTION_API_KEY: "h7Qm2ZpL9xVt4RkB8sNw3JfYcD6gUaE1",
      AUTHY_PREVIOUS_API_KEY: "former",
      AUTHY_WEBHOOK_SIGNING_KEY: "WSK_1",
      AUTHY_PREVIOUS_WEBHOOK_SIGNING_KEY: "WSK_0",
      PUBLIC_URL: "https://login.example.com",
      HOST: "::1",
      PORT: "8080",
      DATABASE_URL: "sqlite:x.sqlite",
      REDIS_URL: "rediss://redis.example.com",
      REDIS_CA: CERTIFICATE,
      AUTHY_CALLBACK_URL: "https://login.example.com/x",
      MATCH_CODE: "always",
      LIMIT_PUSHES: "0",
      TEXT_MESSAGES: "true",
      LOG_LEVEL: "warn",
    };
    const expected = loadConfig(plain, keys);
    for (const blank of blanks) {
      const surrounded = Object.entries(plain).map(([name, value]) => [name, `${blank}${value}${blank}`] as const);
      assert.deepEqual(loadConfig(Object.fromEntries(surrounded), keys), expected);
    }
    assert.deepEqual(expected.authy?.webhookSigningKeys, ["WSK_1", "WSK_0"]);
    assert.equal(expected.isProduction, true);
  });

  it("names a value that has a line break inside", () => {
    assert.match(
      problemsOf({ ...REQUIRED, AUTHY_PRODUCTION_API_KEY: "ab\ncd" })["AUTHY_PRODUCTION_API_KEY"] ?? "",
      /line break/,
    );
  });

  it("listens on every interface only in production, with a given PORT and no HOST", () => {
    const production = {
      NODE_ENV: "production",
      AUTHY_PRODUCTION_API_KEY: "h7Qm2ZpL9xVt4RkB8sNw3JfYcD6gUaE1",
      SESSION_KEYS: "0123456789abcdef0123456789abcdef",
    };
    assert.equal(load({ ...production, PORT: "8080" }).host, null);
    assert.equal(load({ ...production, PORT: "8080", HOST: "127.0.0.1" }).host, "127.0.0.1");
    assert.equal(load({ ...production, PORT: "8080", HOST: "0.0.0.0" }).host, "0.0.0.0");
    assert.equal(load(production).host, "127.0.0.1");
    assert.equal(load({ ...production, PORT: " " }).host, "127.0.0.1");
    assert.equal(load({ PORT: "8080" }).host, "127.0.0.1");
  });

  it("stands in docs/operations.md, every variable with its default and its meaning, and no other", () => {
    const [, section = ""] = /^## Settings$(.*?)^## /ms.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
    const written = section.split("\n").filter((line) => line.startsWith("| `"));
    assert.deepEqual(written.toSorted(), documentedSettings().toSorted());
  });

  it("takes 0 as no limit, and an empty variable as none", () => {
    const config = load({ LIMIT_PUSHES: "0", LIMIT_STREAMS: "0", PORT: "", PUBLIC_URL: "" });
    assert.equal(config.rules.pushLimit, 0);
    assert.equal(config.limits.streams, 0);
    assert.equal(config.port, 3000);
  });

  it("A17 refuses weak set-ups in production, and takes good ones", () => {
    const production = { ...REQUIRED, NODE_ENV: "production" };
    assert.deepEqual(Object.keys(problemsOf({ ...production, PUBLIC_URL: "http://login.example.com" })).sort(), [
      "AUTHY_PRODUCTION_API_KEY",
      "PUBLIC_URL",
      "SESSION_KEYS",
    ]);
    const good = {
      ...production,
      AUTHY_PRODUCTION_API_KEY: "h7Qm2ZpL9xVt4RkB8sNw3JfYcD6gUaE1",
      SESSION_KEYS: "0123456789abcdef0123456789abcdef",
      PUBLIC_URL: "https://login.example.com",
    };
    assert.deepEqual(problemsOf(good), {});
    assert.deepEqual(Object.keys(problemsOf({ ...good, SESSION_KEYS: "short" })), ["SESSION_KEYS"]);
    assert.deepEqual(Object.keys(problemsOf({ ...good, SESSION_KEYS: "a".repeat(40) })), ["SESSION_KEYS"]);
    assert.deepEqual(Object.keys(problemsOf({ ...good, ARGON2_TEST_STRENGTH: "true" })), ["ARGON2_TEST_STRENGTH"]);
    assert.deepEqual(problemsOf({ ...good, PUBLIC_URL: "http://localhost:3000" }), {});
  });

  it("offers Authy, phones of our own, passkeys and any authenticator app, and wants Authy's settings only while FACTORS names it", () => {
    const secret = Buffer.alloc(32, 7).toString("base64url");
    const { factors, authy, rules } = load({});
    assert.deepEqual(
      [factors, authy?.appName, rules.appName],
      [["authy-push", "phone", "passkey", "totp"], "Acme", "Acme"],
    );
    const without = loadConfig({ FACTORS: "totp", SECRET_KEYS: `${secret},${secret}` }, keys);
    assert.deepEqual([without.factors, without.authy, without.rules.appName], [["totp"], null, "Countersign"]);
    assert.deepEqual(without.secretKeys, [Buffer.alloc(32, 7), Buffer.alloc(32, 7)]);
    assert.deepEqual(problemsOf({ FACTORS: "totp", AUTHY_APP_ID: "", AUTHY_API_URL: "nonsense" }), {});
    assert.equal(load({ APP_NAME: "Example" }).rules.appName, "Example");
    assert.deepEqual(load({ FACTORS: "authy" }).secretKeys, [], "nothing is sealed, and no key is made");
  });

  it("takes what push services need: keys, where they reach us, and more of them", () => {
    const { push } = load({});
    assert.deepEqual([push.hosts, push.subject, push.keys.length], [[], null, 1]);
    assert.deepEqual(load({}).push.keys, push.keys, "the same at every start");
    assert.equal(load({ PUBLIC_URL: "https://login.example.com" }).push.subject, "https://login.example.com");
    assert.deepEqual(load({ PUSH_HOSTS: "Push.example.org, *.example.net,*" }).push.hosts, [
      "push.example.org",
      "*.example.net",
      "*",
    ]);
    for (const VAPID_SUBJECT of ["ops@example.com", "https://localhost/x", "https://10.0.0.1", "mailto:me@box.local"])
      assert.deepEqual(Object.keys(problemsOf({ ...REQUIRED, VAPID_SUBJECT })), ["VAPID_SUBJECT"], VAPID_SUBJECT);
    for (const VAPID_KEYS of ["short", "", `${"A".repeat(43)},`])
      assert.deepEqual(Object.keys(problemsOf({ ...REQUIRED, VAPID_KEYS })), ["VAPID_KEYS"], VAPID_KEYS);
    for (const PUSH_HOSTS of ["localhost", "https://push.example.org", "a b.example.org"])
      assert.deepEqual(Object.keys(problemsOf({ ...REQUIRED, PUSH_HOSTS })), ["PUSH_HOSTS"], PUSH_HOSTS);
  });

  it("wants SECRET_KEYS in production where FACTORS names totp, and starts without both as it did before", () => {
    const production = {
      ...REQUIRED,
      NODE_ENV: "production",
      AUTHY_PRODUCTION_API_KEY: "h7Qm2ZpL9xVt4RkB8sNw3JfYcD6gUaE1",
      SESSION_KEYS: "0123456789abcdef0123456789abcdef",
    };
    assert.deepEqual(Object.keys(problemsOf({ ...production, FACTORS: "authy,totp" })), ["SECRET_KEYS"]);
    assert.deepEqual(loadConfig(production, keys).factors, ["authy-push", "passkey"]);
    const secret = Buffer.alloc(32, 7).toString("base64url");
    assert.deepEqual(loadConfig({ ...production, SECRET_KEYS: secret }, keys).factors, [
      "authy-push",
      "passkey",
      "totp",
    ]);
    assert.deepEqual(loadConfig({ ...production, VAPID_KEYS: secret }, keys).factors, [
      "authy-push",
      "phone",
      "passkey",
    ]);
    assert.deepEqual(Object.keys(problemsOf({ ...production, FACTORS: "authy,phone" })), ["VAPID_KEYS"]);
  });

  it("leaves passkeys out where browsers would make none, says why, and refuses them as the only type", () => {
    for (const [PUBLIC_URL, why] of [
      ["http://127.0.0.1:3000", /an address in place of a name/],
      ["https://[2001:db8::1]", /an address in place of a name/],
      ["http://login.example.com", /is not https/],
    ] as const) {
      const { factors, withoutPasskeys } = load({ PUBLIC_URL, FACTORS: "authy,passkey" });
      assert.deepEqual(factors, ["authy-push"]);
      assert.match(withoutPasskeys ?? "", why);
      assert.match(problemsOf({ PUBLIC_URL, FACTORS: "passkey" })["FACTORS"] ?? "", why);
    }
    for (const PUBLIC_URL of ["https://login.example.com", "http://localhost:3000"]) {
      const { factors, withoutPasskeys } = load({ PUBLIC_URL, FACTORS: "authy,passkey" });
      assert.deepEqual([factors, withoutPasskeys], [["authy-push", "passkey"], null]);
    }
    assert.equal(load({ PUBLIC_URL: "http://127.0.0.1:3000", FACTORS: "authy" }).withoutPasskeys, null);
  });

  for (const entry of ["src/server.ts", "workers/index.ts", "scripts/migrate.ts", "scripts/admin.ts"])
    it(`ends ${entry} with exit code 78 and the whole list on standard error`, async () => {
      const args = ["--import", "tsx", entry, ...(entry === "scripts/admin.ts" ? ["doctor"] : [])];
      const child = spawn(process.execPath, args, {
        env: { PATH: process.env["PATH"] ?? "", PORT: "none", LOG_LEVEL: "loud" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
      const [code] = (await once(child, "close")) as [number];
      assert.equal(code, 78);
      for (const name of ["PORT", "LOG_LEVEL", "AUTHY_APP_NAME", "AUTHY_APP_ID", "AUTHY_PRODUCTION_API_KEY"])
        assert.match(said, new RegExp(`^  ${name}: `, "m"));
    });
});
