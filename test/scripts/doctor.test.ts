import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";

import { createSandbox } from "../../sandbox/app.js";
import { loadSettings } from "../../sandbox/settings.js";
import { examine, type Finding, settingsFindings, type Surroundings } from "../../scripts/admin/doctor.js";
import { ConfigError, loadConfig } from "../../src/config.js";
import { migrateDatabase } from "../../src/database/migrate.js";
import { createApp } from "../../src/http/app.js";
import { sealSecret } from "../../src/providers/totp/sealed-secret.js";
import { notePresence } from "../../src/redis/presence.js";
import { createServices, createWebServices, type Services } from "../../src/services.js";
import { bundleOf } from "../kit/bundle.js";
import { runCommand } from "../kit/command.js";
import { programEnvironment, TEST_SETTINGS } from "../kit/environment.js";
import { mailSettings, startMailServer } from "../kit/mail-server.js";
import { freePort } from "../kit/ports.js";
import { startPostgres } from "../kit/postgres.js";
import { startRedis } from "../kit/redis.js";
import { until } from "../kit/until.js";

type Settings = Readonly<Record<string, string>>;

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const folder = mkdtempSync(path.join(tmpdir(), "countersign-doctor-"));
const keyFolder = path.join(folder, "keys");
mkdirSync(keyFolder, { mode: 0o700 });
const [redis, mailServer] = [await startRedis({ after }), await startMailServer({ after })];
const [frontPort, webPort, sandboxPort] = [await freePort(), await freePort(), await freePort()];
const databaseUrl = `sqlite:${path.join(folder, "doctor.sqlite")}`;
const env: Settings = {
  ...programEnvironment({
    ...{ publicUrl: `http://localhost:${frontPort}`, databaseUrl, redisUrl: redis.url },
    ...{ sandboxUrl: `http://127.0.0.1:${sandboxPort}`, appName: "Example", withWebhooks: false },
  }),
  ...TEST_SETTINGS,
  ...mailSettings(mailServer),
  TRUST_PROXY: "1",
};
const config = loadConfig(env);
await migrateDatabase(databaseUrl, () => undefined);

const sandbox = createSandbox(loadSettings({ ...env, LOG_LEVEL: "silent", SANDBOX_PORT: String(sandboxPort) }));
await sandbox.listen();

const { signal } = new AbortController();
const web = await createWebServices(config, LOG, signal);
await web.open(signal);
const app = createApp(web.deps, web.health, web.callbacks, web.sites, web.openId);
const webServer = app.listen(webPort, "127.0.0.1");

/** A reverse proxy in front, and what is wrong with it. */
const front = { hops: 1, protocol: "", host: "" };
const proxy = createServer((req, res) => {
  const headers: Record<string, unknown> = { ...req.headers };
  if (front.hops > 0) headers["x-forwarded-for"] = Array.from({ length: front.hops }, () => "192.0.2.1").join(", ");
  if (front.protocol !== "") headers["x-forwarded-proto"] = front.protocol;
  if (front.host !== "") headers["host"] = front.host;
  const { method, url: path = "" } = req;
  const passed = request({ port: webPort, host: "127.0.0.1", method, path, headers: headers as Settings }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(res);
  });
  passed.on("error", () => res.destroy());
  req.pipe(passed);
}).listen(frontPort, "127.0.0.1");

const worker = createServices(config, LOG);
await worker.open(signal);
worker.announce("worker");
await worker.renewSigningKeys();

after(async () => {
  for (const server of [proxy, webServer]) {
    server.close();
    server.closeAllConnections();
  }
  await web.close();
  await worker.close();
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

/** All that doctor says, with other settings than those of the running processes. */
async function findings(more: Settings = {}, surroundings: Partial<Surroundings> = {}): Promise<Finding[]> {
  const own = loadConfig({ ...env, ...more });
  const services = createServices(own, LOG);
  try {
    await services.open(AbortSignal.abort()).catch(() => undefined);
    return await examine(services, own, { hostNow: Date.now, keyFolder, ...surroundings });
  } finally {
    await services.close();
  }
}

function bad(all: readonly Finding[]): string[] {
  return all.filter(({ state }) => state === "bad").map(({ what }) => what);
}

/** The row is bad, and says why and what to do. */
function assertFinds(all: readonly Finding[], what: string, why: RegExp, mend: RegExp): void {
  const row = all.find((each) => each.what === what);
  assert.equal(row?.state, "bad", JSON.stringify(all, null, 2));
  assert.match(row.why, why);
  assert.match(row.mend, mend);
}

function run(sql: string): Promise<unknown> {
  return worker.database.query(sql);
}

describe("O1: doctor, with everything well", () => {
  it("O1 finds nothing", async () => {
    const isNoted = async () => bad(await findings()).length === 0;
    await until(isNoted, JSON.stringify(await findings(), null, 2));
  });

  it("O1 looks at twenty things and more, and says of each what it is", async () => {
    const all = await findings();
    assert.ok(all.length >= 20, all.map(({ what }) => what).join());
    assert.ok(all.every(({ mend }) => mend === ""));
  });
});

describe("O1: doctor, with one fault planted", () => {
  it("O1 settings that no process takes, a VAPID subject that Apple refuses among them", () => {
    try {
      loadConfig({ ...env, VAPID_SUBJECT: "https://login.local" });
      assert.fail("taken");
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      assertFinds(settingsFindings(error), "VAPID_SUBJECT", /others can reach/, /mailto:ops@example\.com/);
    }
  });

  it("O1 a VAPID subject that follows from PUBLIC_URL, and that Apple refuses", async () => {
    const all = await findings({ PUBLIC_URL: `https://login.local:${frontPort}` });
    assertFinds(all, "push subject", /https:\/\/login\.local.* refuses/, /set VAPID_SUBJECT/);
  });

  it("O1 a database that cannot be opened: all else is looked at", async () => {
    const all = await findings({ DATABASE_URL: "sqlite:/dev/null/none.sqlite" });
    assertFinds(all, "database", /./, /DATABASE_URL/);
    assert.match(all.find(({ what }) => what === "migrations")?.why ?? "", /not looked at/);
    assert.equal(all.find(({ what }) => what === "redis")?.state, "ok");
  });

  it("O1 a PostgreSQL that is a replica, and one without an index", async (t) => {
    const primary = await startPostgres(t);
    const url = await primary.createDatabase();
    await migrateDatabase(url, () => undefined);
    assert.deepEqual(bad(await findings({ DATABASE_URL: url })), []);
    const late = await findings({ DATABASE_URL: url }, { hostNow: () => Date.now() - 60_000 });
    assertFinds(late, "clock", /the database is 60 s ahead/, /time service/);
    const replica = await startPostgres(t, { replicaOf: primary });
    const name = new URL(url).pathname.slice(1);
    const all = await findings({ DATABASE_URL: replica.url(name) });
    assertFinds(all, "database", /read-only/, /new primary/);
    await primary.run("DROP INDEX audit_events_subscriber", name);
    const [row] = (await findings({ DATABASE_URL: url })).filter(({ what }) => what === "indexes");
    await primary.run(/missing: (.*)/.exec(row?.why ?? "")?.[1] ?? "", name);
    assert.deepEqual(bad(await findings({ DATABASE_URL: url })), []);
  });

  it("O1 pending migrations, and tables of a newer release", async () => {
    const [last] = (await run("SELECT * FROM migrations ORDER BY id DESC LIMIT 1")) as Record<string, string>[];
    await run(`UPDATE migrations SET name = 'Tomorrow1999999999999' WHERE name = '${last?.["name"] ?? ""}'`);
    const all = await findings();
    await run(`UPDATE migrations SET name = '${last?.["name"] ?? ""}' WHERE name = 'Tomorrow1999999999999'`);
    assertFinds(all, "migrations", new RegExp(`pending: ${last?.["name"] ?? ""}`), /npm run migrate/);
    assertFinds(all, "tables", /newer release.*Tomorrow1999999999999/, /start the release/);
  });

  it("O1 an index that is missing: the cure makes it", async () => {
    await run("DROP INDEX factors_active");
    const all = await findings();
    assertFinds(
      all,
      "indexes",
      /CREATE UNIQUE INDEX factors_active ON factors .* WHERE state = 'active'/,
      /statements/,
    );
    await run(/missing: (.*)/.exec(all.find(({ what }) => what === "indexes")?.why ?? "")?.[1] ?? "");
    assert.deepEqual(bad(await findings()), []);
  });

  it("O1 a clock that is off", async () => {
    const all = await findings({}, { hostNow: () => Date.now() + 60_000 });
    assertFinds(all, "clock", /Redis is 60 s behind.*PUBLIC_URL is (59|60|61) s behind/, /time service/);
  });

  it("O1 a disk that takes no more", async (t) => {
    const shell = 'ulimit -f 100 && exec "$0" "$1" doctor --json';
    const tool = bundleOf("dist/scripts/admin.js");
    const command = runCommand(t, "sh", ["-c", shell, process.execPath, tool], env);
    assert.equal(await command.exitCode, 1, command.stderr());
    assertFinds(JSON.parse(command.stdout()) as Finding[], "disk", /EFBIG/, /make room/);
  });

  it("O1 a key that others on the host can read", async () => {
    writeFileSync(path.join(keyFolder, "session-key"), "a key", { mode: 0o644 });
    assert.deepEqual(bad(await findings()), [], "its folder is shut");
    chmodSync(keyFolder, 0o755);
    const all = await findings();
    chmodSync(keyFolder, 0o700);
    assertFinds(all, "key files", /keys\/session-key/, /chmod 600/);
  });

  it("O1 a Redis that is away, one that refuses, and one that cannot save", async (t) => {
    const away = await findings({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    assertFinds(away, "redis", /ECONNREFUSED/, /REDIS_URL/);
    const other = await startRedis(t);
    await other.command("ACL", "SETUSER", "app", "on", ">secret", "~bull:*", "&*", "+@all");
    const url = new URL(other.url);
    [url.username, url.password] = ["app", "secret"];
    assertFinds(await findings({ REDIS_URL: url.href }), "redis", /lacks the right to use the keys limit/, /refuses/);
    other.loseDisk();
    await other.command("BGSAVE");
    const says = async () => String(await other.command("INFO", "persistence")).includes("bgsave_status:err");
    await until(says, "it can save");
    const all = await findings({ REDIS_URL: other.url });
    assertFinds(all, "redis disk", /its last snapshot failed/, /room on its disk/);
    assertFinds(all, "processes", /no web process runs; no worker process runs/, /npm run worker/);
  });

  for (const [setting, value, well, what, why, mend] of [
    ["maxmemory-policy", "allkeys-lru", "noeviction", "redis memory", /allkeys-lru.* noeviction/, /maxmemory-policy/],
    ["maxmemory", "1mb", "0", "redis memory", /% of maxmemory/, /maxmemory/],
    ["appendonly", "no", "yes", "redis disk", /appendonly is no/, /appendonly yes/],
  ] as const)
    it(`O1 a Redis with ${setting} ${value}`, async () => {
      await redis.command("CONFIG", "SET", setting, value);
      const all = await findings();
      await redis.command("CONFIG", "SET", setting, well);
      assertFinds(all, what, why, mend);
    });

  it("O1 a worker of an older release beside a newer web", async () => {
    const leave = notePresence(worker.redis, "worker", "0.0.9+0ld");
    let all: Finding[] = [];
    const isTold = async () => bad((all = await findings())).length > 0;
    await until(isTold, "nobody was told of");
    await leave();
    assertFinds(all, "processes", /worker \(.*, pid \d+\) is 0\.0\.9\+0ld, and this is /, /restart what is of another/);
    assert.deepEqual(bad(await findings()), []);
  });

  it("O1 PUBLIC_URL that nobody answers at, and a proxy that has a Host of its own", async () => {
    const nowhere = await findings({ PUBLIC_URL: `http://localhost:${await freePort()}` });
    assertFinds(nowhere, "public address", /cannot be reached: ECONNREFUSED/, /PUBLIC_URL must be/);
    front.host = "web.internal";
    const all = await findings();
    front.host = "";
    assertFinds(all, "public address", /answered 421/, /the Host that was asked for/);
  });

  for (const [hops, why] of [
    [2, /through 2 and TRUST_PROXY is 1: everybody has the address of a proxy/],
    [0, /through 0 and TRUST_PROXY is 1: whoever likes/],
  ] as const)
    it(`O1 ${hops} proxies where one is trusted`, async () => {
      front.hops = hops;
      const all = await findings();
      front.hops = 1;
      assertFinds(all, "proxies", why, /set TRUST_PROXY/);
    });

  it("O1 cookies that are not secure behind TLS", async () => {
    front.protocol = "https";
    const all = await findings();
    front.protocol = "";
    assertFinds(all, "cookies", /not secure/, /must begin with https/);
  });

  it("O1 web processes with other keys: those of sessions, of Authy, and of authenticator apps", async () => {
    const keys = await findings({ SESSION_KEYS: randomBytes(32).toString("hex") });
    assertFinds(keys, "web keys", /does not know the keys/, /same SESSION_KEYS/);
    assertFinds(keys, "signing keys", /SESSION_KEYS do not open/, /SESSION_KEYS/);
    const authy = await findings({ AUTHY_PRODUCTION_API_KEY: "another-key-than-the-right-one" });
    assertFinds(authy, "authy", /./, /AUTHY_PRODUCTION_API_KEY/);
    assertFinds(authy, "callback address", /answered 401 \(signature does not match\)/, /AUTHY_PRODUCTION_API_KEY/);
    await haveSecret(worker);
    assert.deepEqual(bad(await findings()), []);
    const secret = await findings({ SECRET_KEYS: randomBytes(32).toString("base64url") });
    assertFinds(secret, "secret keys", /do not open 1 of the 1/, /SECRET_KEYS/);
  });

  it("O1 a callback address that leads elsewhere", async () => {
    const all = await findings({ AUTHY_CALLBACK_URL: `http://localhost:${frontPort}/webhooks/authy` });
    assertFinds(all, "callback address", /answered 4\d\d \(not by this program\)/, /letter by letter/);
  });

  it("O1 keys of OpenID Connect that are too old, or missing", async () => {
    const [key] = (await run("SELECT kid, state_since FROM signing_keys WHERE state = 'current'")) as Settings[];
    await run(`UPDATE signing_keys SET state_since = '2020-01-01 00:00:00.000' WHERE kid = '${key?.["kid"] ?? ""}'`);
    assertFinds(await findings(), "signing keys", /older than OIDC_KEY_DAYS/, /worker/);
    await run(
      `UPDATE signing_keys SET state_since = '${key?.["state_since"] ?? ""}', state = 'retired' WHERE state = 'current'`,
    );
    assertFinds(await findings(), "signing keys", /no key signs with RS256/, /npm run migrate/);
    await worker.renewSigningKeys();
    assert.deepEqual(bad(await findings()), []);
  });

  it("O1 a mail server that refuses our password", async (t) => {
    const strict = await startMailServer(t, {
      authOptional: false,
      disabledCommands: ["STARTTLS"],
      onAuth: (_auth, _session, done) => done(new Error("wrong")),
    });
    const all = await findings({ SMTP_URL: strict.url.replace("//", "//me:secret@") });
    assertFinds(all, "mail", /EAUTH/, /SMTP_URL/);
  });

  it("O1 a site behind the gate whose proxy does not ask", async () => {
    const applicationId = randomUUID();
    const name = { name: "Wiki", level: 2, maxAgeSeconds: null, admitsEveryone: true, groups: [] } as const;
    await worker.deps.applications.insert({ ...name, id: applicationId, kind: "site", createdAt: new Date() });
    const origin = `http://127.0.0.1:${webPort}`;
    await worker.deps.sites.insert({ applicationId, origin, publicPaths: [], allowsPreflight: false });
    const all = await findings();
    await worker.deps.sites.remove(applicationId);
    await worker.deps.applications.remove(applicationId);
    assertFinds(all, `site ${origin}`, /does not ask the gate/, /docs\/applications\.md/);
  });
});

describe("O2: how a request arrived", () => {
  it("O2 is told to nobody but who has the keys", async () => {
    for (const token of ["", "1", `${Date.now()}.${"a".repeat(43)}`]) {
      const headers = { "Countersign-Doctor": token };
      const answer = await fetch(`http://localhost:${frontPort}/login`, { headers });
      assert.equal(answer.headers.get("countersign-seen"), null);
      await answer.body?.cancel();
    }
  });
});

/** Gives an account an authenticator app. */
async function haveSecret({ deps }: Services): Promise<void> {
  const [subscriberId, id, now] = [randomUUID(), randomUUID(), new Date()];
  await deps.subscribers.insert({
    ...{ id: subscriberId, username: "ada", usernameKey: "ada", email: "ada@example.com", passwordHash: "$" },
    ...{ lastSuccessAt: now, createdAt: now },
  });
  await deps.factors.insert({ id, subscriberId, providerId: id, type: "totp", label: "", createdAt: now });
  const [key = Buffer.alloc(32)] = config.secretKeys;
  await deps.totpSecrets.insert({ factorId: id, sealed: sealSecret(randomBytes(20), id, key), createdAt: now });
}
