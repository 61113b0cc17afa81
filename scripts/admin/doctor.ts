import { createHmac, randomUUID } from "node:crypto";
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { statfs } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Redis } from "ioredis";

import type { Config, ConfigError } from "../../src/config.js";
import { driverErrorOf } from "../../src/database/errors.js";
import { clockAheadMs, migrationsApart, missingIndexes, requireWritable } from "../../src/database/readiness.js";
import { inspectionToken } from "../../src/domain/inspection.js";
import { SIGNING_ALGORITHMS } from "../../src/domain/signing-key.js";
import { tryMailServer } from "../../src/mail/smtp.js";
import { openKey } from "../../src/oidc/keys.js";
import { canonicalParams } from "../../src/providers/authy/callback-signature.js";
import { authyClient } from "../../src/providers/authy/client.js";
import { openSecret } from "../../src/providers/totp/sealed-secret.js";
import { challengeNotifications } from "../../src/redis/challenge-feed.js";
import { memoryProblems, persistenceProblems } from "../../src/redis/memory.js";
import { type RunningProcess, runningProcesses } from "../../src/redis/presence.js";
import { inOne } from "../../src/redis/troubles.js";
import { tryRedis } from "../../src/redis/watch-redis.js";
import { ownRelease } from "../../src/release.js";
import type { Services } from "../../src/services.js";
import type { Command } from "./command.js";

const REDIS_TIMEOUT_MS = 1000;
const WEB_TIMEOUT_MS = 3000;
const MOST_SKEW_MS = 2000;
/** The header Date has whole seconds, and the answer was on its way. */
const MOST_SKEW_OF_HEADER_MS = 5000;
const LEAST_FREE_BYTES = 100_000_000;
const TRIAL_BYTES = 1_000_000;
const SOME_SECRETS = 20;
const LATE_MS = 60_000;
const DAY_MS = 86_400_000;

/** One line of what doctor says. */
export interface Finding {
  readonly what: string;
  readonly state: "ok" | "bad";
  /** What is wrong, or a remark. */
  readonly why: string;
  /** What to do about it; empty while it is well. */
  readonly mend: string;
}

/** What doctor takes from this host. */
export interface Surroundings {
  readonly hostNow: () => number;
  /** Where the keys of development are kept. */
  readonly keyFolder: string;
}

/** The rest of the installation is well or not: this could not be told. The message is the remark. */
class NotLookedAt extends Error {}

/** @param ask - Throws what is wrong; a text that it gives back is a remark. */
async function check(what: string, ask: () => unknown, mend: string): Promise<Finding> {
  try {
    const remark = await ask();
    return { what, state: "ok", why: typeof remark === "string" ? remark : "", mend: "" };
  } catch (error) {
    if (error instanceof NotLookedAt) return { what, state: "ok", why: `not looked at: ${error.message}`, mend: "" };
    return { what, state: "bad", why: error instanceof Error ? error.message.slice(0, 300) : "", mend };
  }
}

/** What `admin doctor` says of settings that cannot be used: nothing else can be looked at then. */
export function settingsFindings({ problems }: ConfigError) {
  return problems.map(({ variable, problem, example }) => {
    return { what: variable, state: "bad" as const, why: problem, mend: `give it a value as in: ${example}` };
  });
}

/**
 * Looks at everything that an installation needs, and changes nothing. Whatever is broken, the rest is still looked at.
 *
 * @returns a line for each thing, also where it is well.
 */
export async function examine(
  services: Services,
  config: Config,
  { hostNow, keyFolder }: Surroundings = { hostNow: Date.now, keyFolder: ".data" },
): Promise<Finding[]> {
  const { database, redis, deps } = services;
  /** What is asked of the database, where it can be asked. */
  const inDatabase =
    (ask: () => Promise<unknown>): (() => Promise<unknown>) =>
    () => {
      if (!services.isOpen()) throw new NotLookedAt("the database is away");
      return ask();
    };
  const inRedis =
    (ask: () => Promise<unknown>): (() => Promise<unknown>) =>
    () => {
      if (redis.status !== "ready") throw new NotLookedAt("Redis is away");
      return ask();
    };
  await whenReady(redis);
  const front = await askFront(config, hostNow);
  const isSqlite = database.options.type === "better-sqlite3";
  const rows = [
    await check(
      "database",
      () => tryDatabase(services),
      "check DATABASE_URL; after a failover it must lead to the new primary",
    ),
    await check(
      "migrations",
      inDatabase(async () => {
        const { pending } = await migrationsApart(database);
        if (pending.length > 0) throw new Error(`pending: ${pending.join(", ")}`);
      }),
      "run `npm run migrate`",
    ),
    await check(
      "tables",
      inDatabase(async () => {
        const { newer } = await migrationsApart(database);
        if (newer.length > 0) throw new Error(`they are of a newer release than this program: ${newer.join(", ")}`);
      }),
      "start the release that has migrated them, and run its doctor",
    ),
    await check(
      "indexes",
      inDatabase(async () => {
        const missing = await missingIndexes(database);
        if (missing.length > 0) throw new Error(`missing: ${missing.join("; ")}`);
      }),
      "run these statements",
    ),
    await check(
      "clock",
      () => compareClocks(services, front, hostNow),
      "let a time service set the clock of each host (`timedatectl set-ntp true`): codes, tokens and lifetimes go by it",
    ),
    ...(isSqlite
      ? [
          await check(
            "disk",
            () => tryDisk(path.dirname(path.resolve(String(database.options.database)))),
            "make room on the disk that has the database, or lift the limit on the size of files",
          ),
        ]
      : []),
    await check("key files", () => lookAtFiles(config, keyFolder), "`chmod 600` these files"),
    await check("redis", () => useRedis(services), 'check REDIS_URL; "When Redis refuses" in docs/operations.md'),
    await check(
      "redis memory",
      inRedis(() => noProblems(memoryProblems(redis))),
      "set maxmemory-policy and maxmemory at the Redis server",
    ),
    await check(
      "redis disk",
      inRedis(() => noProblems(persistenceProblems(redis))),
      "set `appendonly yes` at the Redis server, and give it room on its disk",
    ),
    await check(
      "processes",
      inRedis(async () => compareProcesses(await runningProcesses(redis))),
      "start what does not run (`npm run web`, `npm run worker`), and restart what is of another release",
    ),
    await check(
      "public address",
      () => lookAtFront(front),
      "PUBLIC_URL must be the address that browsers use, and the proxy there must pass everything on, the Host that was asked for, too",
    ),
    await check(
      "web keys",
      () => lookAtSeen(front),
      "give web processes and this command the same SESSION_KEYS (and the same release)",
    ),
    await check(
      "proxies",
      () => countProxies(front),
      "set TRUST_PROXY to the number of proxies, each of which appends to X-Forwarded-For",
    ),
    await check(
      "cookies",
      () => lookAtCookies(front, config),
      "PUBLIC_URL must begin with https://, for every web process",
    ),
  ];
  for (const application of services.isOpen() ? await deps.applications.list("site").catch(() => []) : []) {
    const site = await deps.sites.findOfApplication(application.id);
    if (site !== null)
      rows.push(await check(`site ${site.origin}`, () => askSite(site.origin), "docs/applications.md"));
  }
  rows.push(
    await check(
      "signing keys",
      inDatabase(() => lookAtKeys(services, config)),
      "run `npm run migrate`, see that a worker runs, and check SESSION_KEYS",
    ),
    await check(
      "secret keys",
      inDatabase(() => lookAtSecrets(services, config)),
      "put the key that is missing behind those of SECRET_KEYS, or let its owners add their app anew (`user reset-2fa`)",
    ),
    await check(
      "sign-out notices",
      inDatabase(() => lookAtNotices(services)),
      "see that a worker runs, and `client show`",
    ),
    await check(
      "questions",
      inDatabase(() => lookForLateQuestions(services)),
      "start a worker, or one more",
    ),
  );
  if (config.factors.includes("phone"))
    rows.push(
      await check(
        "push subject",
        () => lookAtSubject(config),
        "set VAPID_SUBJECT to an address of yours, as in mailto:ops@example.com",
      ),
    );
  const { authy } = config;
  if (authy !== null)
    rows.push(
      await check(
        "authy",
        async () => {
          const call = authyClient(authy.apiUrl, authy.apiKey);
          const { isSuccess, status } = await call("GET", "protected/json/app/details");
          if (!isSuccess) throw new Error(`answered ${status}`);
        },
        "check AUTHY_API_URL and AUTHY_PRODUCTION_API_KEY",
      ),
      await check(
        "callback address",
        () => callAsAuthy(authy.callbackUrl, authy.apiKey),
        "AUTHY_CALLBACK_URL must lead to the web processes, stand in the Authy console letter by letter, and they must have the same AUTHY_PRODUCTION_API_KEY",
      ),
    );
  if (config.mail !== null) {
    const { server } = config.mail;
    rows.push(
      await check(
        "mail",
        () => tryMailServer(server, config.rules.mailSilenceSeconds),
        "check SMTP_URL: host, port, user name and password; then `mail test ADDRESS`",
      ),
    );
  }
  const { factors, withoutPasskeys } = config;
  const why = withoutPasskeys === null ? "" : `left out: ${withoutPasskeys}`;
  if (factors.includes("passkey") || why !== "") rows.push({ what: "passkeys", state: "ok", why, mend: "" });
  return rows;
}

/** Waits a little for a connection. */
export function whenReady(redis: Redis): Promise<unknown> {
  const ready = new Promise((resolve) =>
    redis.status === "ready" ? resolve(undefined) : redis.once("ready", resolve),
  );
  return Promise.race([ready, wait(REDIS_TIMEOUT_MS, undefined, { ref: false })]);
}

/** A write that changes nothing. @throws what the database says. */
async function tryDatabase(services: Services): Promise<void> {
  const { database } = services;
  try {
    if (!services.isOpen()) await services.open(AbortSignal.abort());
    await requireWritable(database);
    // An empty transaction takes SQLite's lock for writing.
    if (database.options.type === "better-sqlite3") await database.transaction(() => Promise.resolve());
  } catch (error) {
    throw new Error(driverErrorOf(error).reason, { cause: error });
  }
}

/** @throws when a clock differs from this host's by more than a pause that nobody notices. */
async function compareClocks(services: Services, front: Front, hostNow: () => number): Promise<void> {
  const { redis, database } = services;
  const ahead: [whose: string, ms: number, most: number][] = [];
  if (redis.status === "ready") {
    const [seconds, micros] = await redis.time();
    ahead.push(["Redis", Number(seconds) * 1000 + Number(micros) / 1000 - hostNow(), MOST_SKEW_MS]);
  }
  if (services.isOpen()) ahead.push(["the database", await clockAheadMs(database, hostNow), MOST_SKEW_MS]);
  if (front.kind === "answer" && front.aheadMs !== null)
    ahead.push(["the host behind PUBLIC_URL", front.aheadMs, MOST_SKEW_OF_HEADER_MS]);
  const wrong = ahead
    .filter(([, ms, most]) => Math.abs(ms) > most)
    .map(
      ([whose, ms]) => `${whose} is ${Math.abs(Math.round(ms / 1000))} s ${ms > 0 ? "ahead of" : "behind"} this host`,
    );
  if (wrong.length > 0) throw new Error(wrong.join("; "));
}

/** Writes a file beside the database and removes it. @throws what the system says, or how little room is left. */
async function tryDisk(folder: string): Promise<void> {
  const file = path.join(folder, `.doctor-${randomUUID()}`);
  const opened = openSync(file, "wx", 0o600);
  try {
    for (let written = 0; written < TRIAL_BYTES;) written += writeSync(opened, Buffer.alloc(TRIAL_BYTES - written));
    fsyncSync(opened);
  } finally {
    closeSync(opened);
    rmSync(file);
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < LEAST_FREE_BYTES) throw new Error(`only ${Math.floor(free / 1e6)} MB are free beside the database`);
}

/** @throws which files others on this host can read: of keys, and of the database, which has hashes of passwords. */
function lookAtFiles({ databaseUrl }: Config, keyFolder: string): void {
  const files = ["session-key", "secret-key"].map((name) => path.join(keyFolder, name));
  const sslKey = /[?&]sslkey=([^&]+)/.exec(databaseUrl)?.[1];
  if (sslKey !== undefined) files.push(decodeURIComponent(sslKey));
  if (databaseUrl.startsWith("sqlite:")) files.push(databaseUrl.slice("sqlite:".length));
  const open = files.filter(canOthersRead);
  if (open.length > 0) throw new Error(`others on this host can read ${open.join(", ")}`);
}

/** A file in a folder that nobody else may enter is as good as closed. */
function canOthersRead(file: string): boolean {
  try {
    const isShut = (statSync(path.dirname(path.resolve(file))).mode & 0o011) === 0;
    return !isShut && (statSync(file).mode & 0o044) !== 0;
  } catch {
    return false;
  }
}

/** Tries all that the program needs of Redis. @throws what is wrong. */
async function useRedis(services: Services): Promise<void> {
  const { redis, redisTroubles } = services;
  const subscriber = services.connectRedis("subscriber");
  const notifications = challengeNotifications(subscriber);
  try {
    await Promise.all([whenReady(redis), whenReady(subscriber)]);
    const causes = await tryRedis(redis, [(publisher) => notifications.tryWith(publisher)]);
    if (causes.length > 0) throw new Error(redis.status === "ready" ? inOne(causes) : redisTroubles.reason());
  } finally {
    notifications.close();
  }
}

async function noProblems(found: Promise<string[] | null>): Promise<void> {
  const problems = await found;
  if (problems === null) throw new NotLookedAt("the Redis user may not ask INFO");
  if (problems.length > 0) throw new Error(problems.join("; "));
}

/** @throws when web or worker is missing, or one of them is of another release than this command. */
function compareProcesses(running: readonly RunningProcess[]): string {
  const none = (["web", "worker"] as const).filter((kind) => !running.some((each) => each.kind === kind));
  const own = ownRelease();
  const others = running.filter(({ release }) => release !== own);
  const problems = [
    ...none.map((kind) => `no ${kind} process runs`),
    ...others.map(({ kind, host, pid, release }) => `${kind} (${host}, pid ${pid}) is ${release}, and this is ${own}`),
  ];
  if (problems.length > 0) throw new Error(problems.join("; "));
  return `${running.length} of ${own}`;
}

/** What answers at PUBLIC_URL. */
type Front =
  | { readonly kind: "none"; readonly why: string }
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly location: string;
      readonly cookies: readonly string[];
      readonly aheadMs: number | null;
      /** How our request arrived; null where the answer does not say. */
      readonly seen: { readonly forwarded: number; readonly trusted: number; readonly protocol: string } | null;
    };

/** Asks for the page where people sign in, as browsers do. */
async function askFront({ publicUrl, sessionKeys }: Config, hostNow: () => number): Promise<Front> {
  const headers = { "Countersign-Doctor": inspectionToken(sessionKeys[0] ?? "", new Date()) };
  const signal = AbortSignal.timeout(WEB_TIMEOUT_MS);
  const answer = await fetch(`${publicUrl}/login`, { headers, redirect: "manual", signal }).catch((error: unknown) =>
    whyNot(error),
  );
  if (typeof answer === "string") return { kind: "none", why: `${publicUrl} cannot be reached: ${answer}` };
  await answer.body?.cancel();
  const date = Date.parse(answer.headers.get("date") ?? "");
  const [, forwarded, trusted, protocol = ""] =
    /^forwarded=(\d+); trusted=(\d+); protocol=(\w+)$/.exec(answer.headers.get("countersign-seen") ?? "") ?? [];
  return {
    kind: "answer",
    status: answer.status,
    location: answer.headers.get("location") ?? "",
    cookies: answer.headers.getSetCookie(),
    aheadMs: Number.isNaN(date) ? null : date + 500 - hostNow(),
    seen: forwarded === undefined ? null : { forwarded: Number(forwarded), trusted: Number(trusted), protocol },
  };
}

/** The cause that Node.js hides behind "fetch failed". */
function whyNot(error: unknown): string {
  const { message, cause } = error as Error;
  const { code, message: inner } = (cause ?? {}) as { code?: string; message?: string };
  return [code, inner ?? message].filter((word) => word !== undefined && word !== "").join(" ");
}

type Answer = Extract<Front, { kind: "answer" }>;

function isOurs({ seen, cookies }: Answer): boolean {
  return seen !== null || cookies.some((cookie) => /^(__Host-)?countersign-/.test(cookie));
}

function lookAtFront(front: Front): void {
  if (front.kind === "none") throw new Error(front.why);
  const { status, location } = front;
  if (status === 421)
    throw new Error(
      "answered 421: a proxy sends another Host on than the one that was asked for, or the web has another PUBLIC_URL",
    );
  if (status >= 500) throw new Error(`answered ${status}`);
  // A redirect to https is told of with the cookies.
  if (!isOurs(front) && !location.startsWith("https:"))
    throw new Error(`answered ${status}, and that is not this program`);
}

function ourAnswer(front: Front): Answer {
  if (front.kind === "none" || !isOurs(front)) throw new NotLookedAt("no web process of ours answers at PUBLIC_URL");
  return front;
}

function lookAtSeen(front: Front): void {
  if (ourAnswer(front).seen === null) throw new Error("the web process does not know the keys of this command");
}

function countProxies(front: Front): string {
  const { seen } = ourAnswer(front);
  if (seen === null) throw new NotLookedAt("the web process does not tell");
  const { forwarded, trusted } = seen;
  const came = `the request came through ${forwarded} and TRUST_PROXY is ${trusted}`;
  if (forwarded > trusted) throw new Error(`${came}: everybody has the address of a proxy`);
  if (forwarded < trusted) throw new Error(`${came}: whoever likes writes an address of his own`);
  return `${forwarded}`;
}

function lookAtCookies(front: Front, { publicUrl, isHttps }: Config): void {
  if (front.kind === "none") throw new NotLookedAt("no web process of ours answers at PUBLIC_URL");
  const isBehindTls = front.seen?.protocol === "https" || front.location.startsWith("https:");
  if (!isHttps && isBehindTls)
    throw new Error("browsers come by https, and PUBLIC_URL is http: cookies are not secure");
  const { hostname } = new URL(publicUrl);
  if (!isHttps && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
    throw new Error("PUBLIC_URL is http: passwords and cookies travel in the clear");
  const open = front.cookies.filter((cookie) => /^(__Host-)?countersign-/.test(cookie) && !/; secure/i.test(cookie));
  if (isHttps && open.length > 0) throw new Error("the web process sets cookies that are not secure");
}

/** A stranger's program gets 401 from a site behind the gate, and it is ours. @throws what is wrong. */
async function askSite(origin: string): Promise<void> {
  const url = `${origin}/.countersign/start`;
  const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(WEB_TIMEOUT_MS) });
  const ours = answer.headers.get("www-authenticate")?.includes('realm="countersign"') === true;
  if (answer.status !== 401 || !ours) throw new Error(`answered ${answer.status}: its proxy does not ask the gate`);
}

/** Each algorithm has a key that signs now, and that SESSION_KEYS open. @returns a remark. @throws what is wrong. */
async function lookAtKeys({ deps }: Services, { sessionKeys, oidc }: Config): Promise<string> {
  const keys = await deps.signingKeys.list();
  if (keys.length === 0) return "none yet: the first request of an application makes them";
  const current = keys.filter(({ state }) => state === "current");
  for (const algorithm of SIGNING_ALGORITHMS) {
    const key = current.find((each) => each.algorithm === algorithm);
    if (key === undefined) throw new Error(`no key signs with ${algorithm}`);
    if (openKey(key, sessionKeys) === null) throw new Error(`SESSION_KEYS do not open the key that signs ${algorithm}`);
    if (deps.now().getTime() - key.stateSince.getTime() > oidc.keySeconds * 1000 + DAY_MS)
      throw new Error(`the key that signs ${algorithm} is older than OIDC_KEY_DAYS, and no worker has replaced it`);
  }
  return "";
}

/** Some of the newest secrets of authenticator apps can be opened. @throws when one cannot. */
async function lookAtSecrets({ database }: Services, { secretKeys, factors }: Config): Promise<string> {
  if (!factors.includes("totp")) return "FACTORS does not name totp";
  const rows = await database.query<{ id: string; sealed: string }[]>(
    `SELECT factor_id AS id, sealed FROM totp_secrets ORDER BY created_at DESC LIMIT ${SOME_SECRETS}`,
  );
  const shut = rows.filter(({ id, sealed }) => openSecret(sealed, id, secretKeys) === null).length;
  if (shut > 0)
    throw new Error(`SECRET_KEYS do not open ${shut} of the ${rows.length} newest secrets of authenticator apps`);
  return "";
}

/** Notices that go to clients by their back channel are sent. @returns a remark. @throws what is wrong. */
async function lookAtNotices({ deps }: Services): Promise<string> {
  const { failed, late } = await deps.logoutNotices.countTroubled(deps.now());
  if (late > 0) throw new Error(`${late} wait for longer than a minute`);
  return failed === 0 ? "" : `${failed} were given up in the last days`;
}

/** Requests whose answer a worker should have asked for long ago. @throws how many. */
async function lookForLateQuestions({ deps }: Services): Promise<void> {
  const before = new Date(deps.now().getTime() - LATE_MS);
  const [challenges, enrolments] = [
    await deps.challenges.findOverdue(before, SOME_SECRETS),
    await deps.enrolments.findOverdue(before, SOME_SECRETS),
  ];
  const late = challenges.length + enrolments.length;
  if (late > 0) throw new Error(`${late} or more pending requests were asked about by no worker for a minute`);
}

/** @throws when Apple's push service would refuse all pushes. @returns a remark. */
function lookAtSubject({ push: { subject } }: Config): string {
  if (subject === null) return "none: Apple's push service refuses pushes without one, which is so in development only";
  const refused = /^https:\/\/(localhost|[^/]*\.local|\[[^\]]*\]|[\d.]+)(:\d+)?(\/|$)/i.test(subject);
  if (refused) throw new Error(`it is ${subject}, which Apple's push service refuses`);
  return "";
}

/** A signed callback about nothing, at the address and with the key that Authy knows. @throws what came of it. */
async function callAsAuthy(url: string, apiKey: string): Promise<void> {
  const [nonce, params] = [randomUUID(), { doctor: true }];
  const text = `${nonce}|POST|${url}|${canonicalParams(params)}`;
  const answer = await fetch(url, {
    method: "POST",
    redirect: "manual",
    signal: AbortSignal.timeout(WEB_TIMEOUT_MS),
    headers: {
      "Content-Type": "application/json",
      "X-Authy-Signature": createHmac("sha256", apiKey).update(text).digest("base64"),
      "X-Authy-Signature-Nonce": nonce,
    },
    body: JSON.stringify(params),
  }).catch((error: unknown) => {
    throw new Error(`${url} cannot be reached: ${whyNot(error)}`, { cause: error });
  });
  const said = await answer.text();
  if (answer.status === 200 && said.includes("not an approval callback")) return;
  const word = /"message":"([^"]{1,80})"/.exec(said)?.[1] ?? "not by this program";
  throw new Error(`${url} answered ${answer.status} (${word})`);
}

const HELP = `Usage: npm run admin -- doctor [--json]

Looks at the whole installation with the settings of this environment, and changes nothing. A line for each thing that was
looked at: what, whether it is ok or bad, why, and what to do about it. Run it where the web processes run, with their settings.

Exit code 0: all is well. 1: something is bad. 2: wrong command. 78: wrong settings, each with what would do.
All lines are told of in docs/operations.md, "What doctor finds".
`;

/** The operator's look at everything. */
export const DOCTOR_COMMANDS: Readonly<Record<string, Command>> = {
  doctor: {
    words: 0,
    database: "perhaps",
    help: HELP,
    run: async (services, config) => {
      const rows = await examine(services, config);
      return { rows: rows.map((row) => ({ ...row })), hasFailed: rows.some(({ state }) => state === "bad") };
    },
  },
};
