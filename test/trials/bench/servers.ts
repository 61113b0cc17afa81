import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import path from "node:path";
import { randomUUID } from "node:crypto";
import Keygrip from "keygrip";
import { type DataSource } from "typeorm";

import { openDatabase } from "../../../src/database/data-source.js";
import { hashSecret } from "../../../src/domain/secrets.js";
import { callbackBody, signCallback } from "../../kit/authy.js";
import { NO_LIMITS, programEnvironment } from "../../kit/environment.js";
import { type Owner } from "../../kit/owner.js";
import { freePort } from "../../kit/ports.js";
import { migrate } from "../../kit/processes.js";
import { until } from "../../kit/until.js";
import { requestBytes } from "./wire.js";

const AUTHY_ID = 246813579;
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
export async function startProduct(owner: Owner, ground: Ground, databaseUrl: string): Promise<Server> {
  const port = await freePort();
  const publicUrl = `http://localhost:${port}`;
  const env = {
    ...programEnvironment({
      ...{ publicUrl, databaseUrl, redisUrl: ground.redisUrl, sandboxUrl: "http://127.0.0.1:9" },
      ...{ appName: "Bench", withWebhooks: false },
    }),
    ...NO_LIMITS,
    PATH: process.env["PATH"],
    PORT: String(port),
  };
  await migrate({ env });
  const look = await launch(owner, ["dist/src/server.js"], env, path.join(ground.folder, `web-${port}.log`), port);
  const database = await openDatabase(databaseUrl);
  owner.after(() => database.destroy());
  return { name: "product", port, look, prepare: (count) => prepareRows(database, count, env) };
}

/** A challenge and the attempt that its browser holds, straight into the rows. */
async function prepareRows(
  database: DataSource,
  count: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Approval[]> {
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + LIFE_MS);
  const keygrip = new Keygrip([env["SESSION_KEYS"] ?? ""], "sha256");
  const host = new URL(env["PUBLIC_URL"] ?? "").host;
  const attempts: object[] = [];
  const keys: object[] = [];
  const challenges: object[] = [];
  const approvals: Approval[] = [];
  for (let at = 0; at < count; at += 1) {
    const [attemptId, id, uuid, key] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const who = { subscriberId: attemptId, browserHash: attemptId, isKnownBrowser: true, createdAt, expiresAt };
    attempts.push({
      ...{ ...who, id: attemptId, epoch: 1, purpose: "sign-in", sessionId: null, asksMatchCode: false, tries: 0 },
      ...{ browserLabel: "", address: "", next: "/", remember: false, state: "open", spentAt: null },
    });
    keys.push({ keyHash: hashSecret(key), attemptId });
    challenges.push({
      ...{
        ...who,
        id,
        attemptId,
        factorType: "authy-push",
        factorId: "f",
        providerId: String(AUTHY_ID),
        providerRef: uuid,
        state: "pending",
      },
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
      callback: requestBytes("POST", "/webhooks/authy/onetouch", { host, ...signed.headers }, signed.body),
    });
  }
  for (const [entity, rows] of [
    ["attempt", attempts],
    ["attemptKey", keys],
    ["challenge", challenges],
  ] as const)
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
      await database.getRepository(entity).insert(rows.slice(from, from + ROWS_AT_ONCE));
  return approvals;
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
