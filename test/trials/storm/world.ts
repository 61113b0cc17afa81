import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pino } from "pino";

import { createSandbox } from "../../../sandbox/app.js";
import { type Sandbox } from "../../../sandbox/sandbox.js";
import { type Owner } from "../../kit/owner.js";
import { startPostgres, type TestPostgres } from "../../kit/postgres.js";
import { startRedis, type TestRedis } from "../../kit/redis.js";
import { type LogLine, type Part } from "../../kit/part.js";
import { freePort } from "../../kit/ports.js";
import { migrate, type StartSettings, startWeb, startWorker } from "../../kit/processes.js";
import { openBalancer } from "./balancer.js";

const KEPT_LINES = 200;

/** A process that is killed and comes back: always the newest one. */
export interface Place {
  readonly name: string;
  part(): Part;
  start(): Promise<void>;
}

/** Two web processes behind a balancer, two workers, Redis, a database, and the sandbox in this very process. */
export interface World {
  readonly site: string;
  readonly databaseUrl: string;
  readonly apiKey: string;
  /** Signs the cookies. */
  readonly sessionKey: string;
  readonly webs: readonly Place[];
  /** Where they listen themselves, past the balancer. */
  readonly webPorts: readonly number[];
  readonly workers: readonly Place[];
  readonly redis: TestRedis;
  /** Only where the storm runs on PostgreSQL. */
  readonly postgres: TestPostgres | undefined;
  readonly sandbox: Sandbox;
  readonly sandboxUrl: string;
  /** Tells of each request to the sandbox; what the listener gives back is called when that one is over. */
  watchSandbox(listener: (path: string) => () => void): void;
}

export interface WorldSettings {
  readonly database: "sqlite" | "postgres";
  readonly webs?: number;
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: LogLine, name: string) => void;
  /** Where each process writes its log; nowhere without it. */
  readonly logFolder?: string | undefined;
}

/** Starts the whole world; it ends with its owner. */
export async function startWorld(owner: Owner, settings: WorldSettings): Promise<World> {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-storm-"));
  const parts = new Map<string, Part>();
  owner.after(async () => {
    await Promise.all(Array.from(parts.values(), (part) => part.kill()));
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startRedis(owner);
  const postgres = settings.database === "postgres" ? await startPostgres(owner) : undefined;
  const databaseUrl = (await postgres?.createDatabase()) ?? `sqlite:${path.join(folder, "storm.sqlite")}`;
  const webPorts = [...new Set(await Promise.all(Array.from({ length: settings.webs ?? 2 }, freePort)))];
  const balancer = openBalancer(webPorts);
  const site = `http://127.0.0.1:${await balancer.listen()}`;
  owner.after(() => balancer.close());

  const apiKey = randomBytes(16).toString("hex");
  const sessionKey = randomBytes(32).toString("hex");
  const sandbox = createSandbox(
    { apiKey, port: 0, callbackUrl: `${site}/webhooks/authy/onetouch`, retryDelaysMs: [250, 1000, 4000] },
    pino({ level: "silent" }),
  );
  const sandboxUrl = await sandbox.listen();
  owner.after(() => sandbox.close());

  const env: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    TMPDIR: process.env["TMPDIR"],
    // By this the tests find processes that outlived them.
    COUNTERSIGN_TEST_RUN: process.env["COUNTERSIGN_TEST_RUN"],
    NODE_ENV: "development",
    PUBLIC_URL: site,
    SESSION_KEYS: sessionKey,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.url,
    AUTHY_APP_NAME: "Countersign storm",
    AUTHY_APP_ID: "359137",
    AUTHY_PRODUCTION_API_KEY: apiKey,
    AUTHY_API_URL: sandboxUrl,
    ARGON2_TEST_STRENGTH: "true",
    LOGIN_FLOOR_MS: "0",
    LOG_LEVEL: "warn",
    APPROVAL_TTL_SECONDS: "60",
    RESEND_AFTER_SECONDS: "0",
    LIMIT_RESENDS: "0",
    LIMIT_PUSHES: "0",
    LIMIT_LOGINS: "0",
    LIMIT_LOGINS_PER_ADDRESS: "0",
    LIMIT_REGISTRATIONS_PER_ADDRESS: "0",
    LIMIT_STREAMS_PER_ADDRESS: "0",
    LIMIT_STREAMS_PER_USER: "0",
    LIMIT_STREAMS_PER_SESSION: "0",
    ...settings.env,
  };
  let starts = 0;
  const starting = (name: string): StartSettings => ({
    name,
    env,
    keepLines: KEPT_LINES,
    ...(settings.logFolder === undefined ? {} : { logFile: path.join(settings.logFolder, `${name}-${++starts}.log`) }),
    onStart: (part) => {
      parts.set(name, part);
      // Whoever started this process ends these when it is killed outright.
      process.send?.({ started: Array.from(parts.values(), ({ pid }) => pid) });
    },
    ...(settings.onLine === undefined ? {} : { onLine: (line) => settings.onLine?.(line, name) }),
  });
  const place = (name: string, start: () => Promise<unknown>): Place => ({
    name,
    part() {
      const part = parts.get(name);
      if (part === undefined) throw new Error(`${name} was never started`);
      return part;
    },
    async start() {
      await start();
    },
  });
  const webs = webPorts.map((port, n) => {
    const name = `web ${n + 1}`;
    return place(name, () => startWeb({ ...starting(name), port }));
  });
  const workers = Array.from({ length: settings.workers ?? 2 }, (_, n) => {
    const name = `worker ${n + 1}`;
    // A worker is known to be ready by a line of its log.
    return place(name, () => startWorker({ ...starting(name), env: { ...env, LOG_LEVEL: "info" } }));
  });
  await migrate(starting("migrate"));
  await Promise.all([...webs, ...workers].map((each) => each.start()));
  return {
    ...{
      site,
      databaseUrl,
      apiKey,
      sessionKey,
      webs,
      webPorts,
      workers,
      redis,
      postgres,
      sandbox: sandbox.sandbox,
      sandboxUrl,
    },
    watchSandbox(listener) {
      sandbox.app.middleware.unshift((ctx, next) => {
        ctx.res.once("close", listener(ctx.path));
        return next();
      });
    },
  };
}
