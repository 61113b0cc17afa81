import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import path from "node:path";
import { createHash, randomUUID } from "node:crypto";
import Keygrip from "keygrip";
import type { DataSource } from "typeorm";

import { openDatabase } from "../../../src/database/data-source.js";
import { databaseRows } from "../../../src/database/rows.js";
import { newApplication } from "../../../src/domain/manage-applications.js";
import { pushText } from "../../../src/domain/push-text.js";
import { hashSecret, newSecret } from "../../../src/domain/secrets.js";
import { pushWords } from "../../../src/http/push-words.js";
import { loadTexts } from "../../../src/http/text.js";
import { requestDigest, signedTexts } from "../../../src/providers/phone/signed-texts.js";
import { callbackBody, signCallback } from "../../kit/authy.js";
import { NO_LIMITS, programEnvironment } from "../../kit/environment.js";
import type { Owner } from "../../kit/owner.js";
import { freePort } from "../../kit/ports.js";
import { migrate } from "../../kit/processes.js";
import { newSigningPhone, type SigningPhone } from "../../kit/signing-phone.js";
import { until } from "../../kit/until.js";
import { requestBytes } from "./wire.js";

const AUTHY_ID = 246813579;
const APP_NAME = "Bench";
const ROWS_AT_ONCE = 200;
const LIFE_MS = 3_600_000;

/** The requests of one browser that waits, and of the phone that will answer. */
export interface Approval {
  /** Opens the browser's event stream. */
  readonly stream: Buffer;
  /** Asks for the status once, as a page does that has no stream. */
  readonly poll: Buffer;
  /** The callback that approves. */
  readonly callback: Buffer;
  /** Reads what waits, as a phone of our own does before it shows it to anybody; Authy's phones read nothing from us. */
  readonly look?: Buffer;
}

/** What a server process has used so far. */
export interface Usage {
  readonly cpuUs: number;
  /** Live after a garbage collection, where `heap` was asked for. */
  readonly heapBytes: number;
}

/** A server that is measured: the product's web process, or the bare one. */
export interface Server {
  readonly name: "product" | "bare";
  readonly port: number;
  look(question: "cpu" | "heap"): Promise<Usage>;
  /** Browsers that may wait, each for an approval of its own. */
  prepare(count: number): Promise<Approval[]>;
  /** Somebody who is admitted to a site. @returns the cookie that their browser brings there. */
  prepareGuest(site: string): Promise<string>;
}

/** The product's web process, which two sorts of phones answer. */
export interface Product extends Server {
  /** The same browsers, each with a person of its own whose phone is our own: the callback is its signed answer. */
  prepareTaps(count: number): Promise<Approval[]>;
}

/** Where servers of one run keep what they need. */
export interface Ground {
  readonly folder: string;
  readonly redisUrl: string;
}

/** Starts the bare server. */
export async function startBare(owner: Owner, { folder, redisUrl }: Ground): Promise<Server> {
  const port = await freePort();
  const script = path.join(import.meta.dirname, "bare-server.ts");
  const env = { PATH: process.env["PATH"], REDIS_URL: redisUrl, PORT: String(port) };
  const look = await launch(owner, ["--import", "tsx", script], env, path.join(folder, "bare.log"), port);
  const host = `127.0.0.1:${port}`;
  return {
    name: "bare",
    port,
    look,
    prepareGuest: () => Promise.resolve("countersign-gate=bare"),
    prepare(count) {
      const approvals = Array.from({ length: count }, () => {
        const id = randomUUID();
        return {
          stream: requestBytes("GET", `/streams/${id}`, { host }),
          poll: requestBytes("GET", `/status/${id}`, { host }),
          callback: requestBytes("POST", "/callback", { host }, JSON.stringify(approvalBody(randomUUID(), id))),
        };
      });
      return Promise.resolve(approvals);
    },
  };
}

/**
 * Starts the product's web process with its own database, without a worker: nothing is sent to Authy, the rows are written
 * by hand. Its settings are the defaults, its log goes to a file.
 */
export async function startProduct(owner: Owner, ground: Ground, databaseUrl: string): Promise<Product> {
  const port = await freePort();
  const publicUrl = `http://localhost:${port}`;
  const env = {
    ...programEnvironment({
      ...{ publicUrl, databaseUrl, redisUrl: ground.redisUrl, sandboxUrl: "http://127.0.0.1:9" },
      ...{ appName: APP_NAME, withWebhooks: false },
    }),
    ...NO_LIMITS,
    PATH: process.env["PATH"],
    PORT: String(port),
  };
  await migrate({ env });
  const look = await launch(owner, ["dist/src/server.js"], env, path.join(ground.folder, `web-${port}.log`), port);
  const database = await openDatabase(databaseUrl);
  owner.after(() => database.destroy());
  return {
    name: "product",
    port,
    look,
    prepare: (count) => prepareRows(database, count, env),
    prepareGuest: (site) => prepareGuest(database, site),
    prepareTaps: (count) => prepareRows(database, count, env, true),
  };
}

/** A person, a sign-in, a site where it is not there yet, and its cookie, straight into the rows. */
async function prepareGuest(database: DataSource, site: string): Promise<string> {
  const rows = databaseRows(database);
  const [at, key, id] = [new Date(), newSecret(), randomUUID()];
  const end = new Date(at.getTime() + LIFE_MS);
  const names = { username: id, usernameKey: id, email: "a@example.com", passwordHash: "" };
  await rows.subscribers.insert({ ...names, id, lastSuccessAt: at, createdAt: at });
  await rows.memberships.add(id, "staff", at);
  await rows.sessions.insert({
    ...{ id, keyHash: hashSecret(id), subscriberId: id, level: 2, epoch: 1, browserLabel: "", address: "" },
    ...{ challengeId: null, isRemembered: false, passwordAt: at, createdAt: at, seenAt: at, idleUntil: end },
    ...{ expiresAt: end, data: "{}", signInId: id, methods: ["pwd", "mca", "mfa"], authenticatedAt: at },
  });
  const applicationId = hashSecret(site).slice(0, 20);
  const application = { name: "App", level: 2, maxAgeSeconds: null, admitted: [{ group: "staff" }] } as const;
  if ((await rows.sites.find(site)) === null) {
    await rows.applications.insert(newApplication(application, "site", applicationId, at));
    await rows.sites.insert({ applicationId, origin: site, publicPaths: [], allowsPreflight: false });
  }
  await rows.gate.insertSession({
    ...{ keyHash: hashSecret(key), applicationId, signInId: id, subscriberId: id, createdAt: at },
  });
  const name = `countersign-gate-${hashSecret(site).slice(0, 8)}`;
  return `${site.startsWith("https:") ? "__Host-" : ""}${name}=${key}`;
}

/** A challenge and the attempt that its browser holds, straight into the rows. */
async function prepareRows(
  database: DataSource,
  count: number,
  env: Readonly<Record<string, string | undefined>>,
  isOwnPhone = false,
): Promise<Approval[]> {
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + LIFE_MS);
  const keygrip = new Keygrip([env["SESSION_KEYS"] ?? ""], "sha256");
  const host = new URL(env["PUBLIC_URL"] ?? "").host;
  const attempts: object[] = [];
  const keys: object[] = [];
  const challenges: object[] = [];
  const people: OwnPhonePerson[] = [];
  const approvals: Approval[] = [];
  for (let at = 0; at < count; at += 1) {
    const [attemptId, id, uuid, key] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const who = { subscriberId: attemptId, browserHash: attemptId, isKnownBrowser: true, createdAt, expiresAt };
    attempts.push({
      ...{
        ...who,
        id: attemptId,
        epoch: 1,
        purpose: "sign-in",
        application: null,
        sessionId: null,
        asksMatchCode: false,
        tries: 0,
      },
      ...{ browserLabel: "", address: "", next: "/", remember: false, state: "open", spentAt: null },
    });
    keys.push({ keyHash: hashSecret(key), attemptId });
    const person = isOwnPhone ? ownPhonePerson(attemptId, createdAt) : null;
    if (person !== null) people.push(person);
    const asked =
      person === null
        ? { factorType: "authy-push", factorId: "f", providerId: String(AUTHY_ID), providerRef: uuid }
        : { factorType: "phone", factorId: person.factor.id, providerId: person.key.keyHash, providerRef: id };
    challenges.push({
      ...{ ...who, ...asked, id, attemptId, state: "pending" },
      ...{ version: 1, matchCodeHash: null, failure: null, nextPollAt: expiresAt },
    });
    const cookie = `countersign-attempt=${key}`;
    const headers = { host, cookie: `${cookie}; countersign-attempt.sig=${keygrip.sign(cookie)}` };
    const signed = signCallback(approvalBody(uuid, id), {
      key: env["AUTHY_PRODUCTION_API_KEY"] ?? "",
      url: env["AUTHY_CALLBACK_URL"] ?? "",
    });
    approvals.push({
      stream: requestBytes("GET", `/challenges/${id}/events`, headers),
      poll: requestBytes("GET", `/challenges/${id}`, headers),
      callback:
        person === null
          ? requestBytes("POST", "/webhooks/authy/onetouch", { host, ...signed.headers }, signed.body)
          : tapOf(person, id, createdAt, expiresAt, env["PUBLIC_URL"] ?? ""),
      ...(person !== null && { look: lookOf(person, expiresAt, host, keygrip) }),
    });
  }
  for (const [entity, rows] of [
    ["attempt", attempts],
    ["attemptKey", keys],
    ["challenge", challenges],
    ["subscriber", people.map(({ subscriber }) => subscriber)],
    ["factor", people.map(({ factor }) => factor)],
    ["phoneKey", people.map(({ key }) => key)],
  ] as const)
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
      await database.getRepository(entity).insert(rows.slice(from, from + ROWS_AT_ONCE));
  return approvals;
}

interface OwnPhonePerson {
  readonly subscriber: { readonly id: string; readonly username: string };
  readonly factor: { readonly id: string };
  readonly key: { readonly keyHash: string };
  readonly phone: SigningPhone;
}

function ownPhonePerson(subscriberId: string, createdAt: Date): OwnPhonePerson {
  const [id, phone] = [randomUUID(), newSigningPhone()];
  const keyHash = createHash("sha256").update(phone.spki).digest("base64url");
  const names = { username: subscriberId, usernameKey: subscriberId, email: "a@example.com", passwordHash: "" };
  return {
    subscriber: {
      ...{ ...names, id: subscriberId, epoch: 1, mustChangePassword: false, pushFrozenUntil: null },
      ...{ lastSuccessAt: createdAt, strangersSuccessAt: null, createdAt },
    },
    factor: {
      ...{ id, subscriberId, type: "phone", providerId: keyHash, state: "active", label: "", isPreferred: false },
      ...{ createdAt, lastUsedAt: null, removedAt: null, removedUpstreamAt: null },
    },
    key: {
      ...{ id, secretHash: randomUUID(), keyHash, spki: phone.spki.toString("base64url"), label: "", address: "" },
      ...{ createdAt },
    },
    phone,
  };
}

const words = pushWords(loadTexts(["en"]), "en");

/** The answer of a phone of our own, signed over what it shows. */
function tapOf(
  { subscriber, key, phone }: OwnPhonePerson,
  challenge: string,
  createdAt: Date,
  expiresAt: Date,
  site: string,
): Buffer {
  const attempt = { purpose: "sign-in", address: "", browserLabel: "", application: null } as const;
  const { message, details } = pushText(words, attempt, subscriber.username, APP_NAME, createdAt, null);
  const digest = requestDigest({ message, details: Object.entries(details), expiresAt: expiresAt.toISOString() });
  const signature = phone.sign(signedTexts.answer(site, challenge, key.keyHash, "approve", digest));
  const body = JSON.stringify({ challenge, key: key.keyHash, decision: "approve", digest, signature });
  const headers = { host: new URL(site).host, "content-type": "application/json" };
  return requestBytes("POST", "/webhooks/phone", headers, body);
}

function lookOf({ key }: OwnPhonePerson, until: Date, host: string, keygrip: Keygrip): Buffer {
  const cookie = `countersign-phone=${until.getTime().toString(36)}~${key.keyHash}`;
  const headers = { host, cookie: `${cookie}; countersign-phone.sig=${keygrip.sign(cookie)}` };
  return requestBytes("GET", "/phone/requests", headers);
}

/** A callback as Authy sends it for a challenge of ours: 1.5 kB. */
function approvalBody(uuid: string, challengeId: string): ReturnType<typeof callbackBody> {
  const body = callbackBody(uuid, AUTHY_ID, "approved");
  const { transaction } = body["approval_request"] as { transaction: Record<string, unknown> };
  transaction["hidden_details"] = { challenge_id: challengeId };
  return body;
}

/** Starts a server with the probe in it, and waits until it answers. */
async function launch(
  owner: Owner,
  given: readonly string[],
  env: NodeJS.ProcessEnv,
  logFile: string,
  port: number,
): Promise<Server["look"]> {
  const probe = path.join(import.meta.dirname, "probe.mjs");
  const log = openSync(logFile, "a");
  const child = spawn(process.execPath, ["--expose-gc", "--import", probe, ...given], {
    env,
    stdio: ["ignore", log, log, "ipc"],
  });
  owner.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`a server ended: see ${logFile}`);
      return fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    },
    "a server did not start",
    30_000,
  );
  return (question) => ask(child, question);
}

async function ask(child: ChildProcess, question: string): Promise<Usage> {
  const answered = once(child, "message");
  child.send(question);
  const [usage] = (await answered) as [Usage];
  return usage;
}
