import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DataSource } from "typeorm";

import { createSandbox, type RunningSandbox } from "../../sandbox/app.js";
import { loadSettings } from "../../sandbox/settings.js";
import { openDatabase } from "../../src/database/data-source.js";
import { migrateDatabase } from "../../src/database/migrate.js";
import { openBalancer } from "./balancer.js";
import { type Browser, type BrowserSettings, openBrowser } from "./browser.js";
import { ensureBuilt } from "./built.js";
import { bundleOf } from "./bundle.js";
import { informative, inheritedSettings, programEnvironment, TEST_SETTINGS } from "./environment.js";
import type { Owner } from "./owner.js";
import type { LogLine, Part } from "./part.js";
import { openPhone, type Phone } from "./phone.js";
import { freePort } from "./ports.js";
import { startPostgres, type TestPostgres } from "./postgres.js";
import { migrate, type StartSettings, startWeb, startWorker } from "./processes.js";
import { startRedis, type TestRedis } from "./redis.js";
import { openRows, type Rows } from "./rows.js";
import { readSettlements } from "./settlements.js";

const APP_NAME = "Countersign test";

type Settings = Readonly<Record<string, string>>;

export interface ProgramSettings {
  /** How many web processes, each with its own address; one unless said otherwise. */
  readonly webs?: number;
  /** Gives all web processes one public address, at which a balancer spreads connections over them. */
  readonly balanced?: boolean;
  /** The public address of what the test itself puts in front of the web processes. */
  readonly site?: string;
  /** How many workers; one unless said otherwise. */
  readonly workers?: number;
  /** SQLite unless said otherwise; or the address of an empty database that is there already. */
  readonly database?: "sqlite" | "postgres" | { readonly url: string };
  /** Which web process Authy calls; the first unless said otherwise. */
  readonly callbackTo?: number;
  /** Whether the sandbox tells of registrations by webhook; yes unless said otherwise. */
  readonly withWebhooks?: boolean;
  /** Settings of every process, on top of the tests' own. */
  readonly env?: Settings;
  /** How many of the newest lines of each process are kept; all of them unless said otherwise. */
  readonly keepLines?: number;
  /** An existing folder in which each process writes its log. */
  readonly logFolder?: string | undefined;
  /** Whether the processes are those of dist/, as people start them, and not their bundles, which start sooner. */
  readonly isAsShipped?: boolean;
  /** The folder of another release, built, of which the processes are at first; this one unless said otherwise. */
  readonly release?: string | undefined;
}

/**
 * A process of the program in its place: when it was stopped or killed, another one may be started there. That one is of
 * this release, whatever the one before it was.
 */
export interface ProgramProcess extends Part {
  start(): Promise<void>;
}

/** A web process of the program, as browsers know it. */
export interface WebProcess extends ProgramProcess {
  readonly port: number;
  /** Its public address, with the host name that its cookies and origin checks go by. */
  readonly site: string;
}

/** The whole program: real processes on a real Redis and a real database, and the sandbox in this process. */
export interface Program {
  /** The public address: the balancer's, or that of the first web process. */
  readonly site: string;
  readonly webs: readonly WebProcess[];
  /** The first web process. */
  readonly web: WebProcess;
  readonly workers: readonly ProgramProcess[];
  readonly redis: TestRedis;
  /** Only with `database: "postgres"`. */
  readonly postgres: TestPostgres | undefined;
  /** The program's database, looked at from outside. */
  readonly database: DataSource;
  /** The same for SQLite, with plain SQL and at once. */
  readonly rows: Rows;
  readonly sandbox: RunningSandbox["sandbox"];
  readonly phone: Phone;
  /** The settings that all processes share. */
  readonly env: Settings;
  readonly settledBy: (challengeId: string) => Promise<string>;
  /** All lines of all processes so far, each with the name of its process as `part`. Empty where `keepLines` is set. */
  readonly lines: readonly LogLine[];
  /** A browser at the public address. */
  openBrowser(settings?: BrowserSettings): Browser;
  /** Starts one more worker. */
  startWorker(env?: Settings): Promise<ProgramProcess>;
  /** Starts one more web process at an address of its own. */
  startWeb(env?: Settings): Promise<WebProcess>;
  /** Tells of each request to the sandbox; what the listener gives back is called when that one is over. */
  watchSandbox(listener: (path: string) => () => void): void;
}

/** Starts the program and waits until all of it is ready. It ends with its owner, whatever happens. */
export async function startProgram(owner: Owner, settings: ProgramSettings = {}): Promise<Program> {
  ensureBuilt();
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-test-"));
  const running = new Set<Part>();
  owner.after(async () => {
    await Promise.all(Array.from(running, (part) => part.kill()));
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startRedis(owner);
  const postgres = settings.database === "postgres" ? await startPostgres(owner) : undefined;
  const databaseUrl =
    typeof settings.database === "object"
      ? settings.database.url
      : ((await postgres?.createDatabase()) ?? `sqlite:${path.join(folder, "test.sqlite")}`);
  const ports = await freePorts(settings.webs ?? 1);
  const shared = settings.balanced === true ? await balancedSite(owner, ports) : settings.site;
  const site = shared ?? siteOf(ports[0] ?? 0);
  const publicUrl = settings.callbackTo === undefined ? site : siteOf(ports[settings.callbackTo] ?? 0);
  const sandboxPort = await freePort();
  const choices = { publicUrl, databaseUrl, redisUrl: redis.url, sandboxUrl: `http://127.0.0.1:${sandboxPort}` };
  const env: Record<string, string> = {
    ...inheritedSettings(),
    ...programEnvironment({ ...choices, appName: APP_NAME, withWebhooks: settings.withWebhooks ?? true }),
    ...TEST_SETTINGS,
    ...settings.env,
  };
  const sandbox = createSandbox(loadSettings({ ...env, LOG_LEVEL: "silent", SANDBOX_PORT: String(sandboxPort) }));
  await sandbox.listen();
  owner.after(() => sandbox.close());
  const settlements = readSettlements();
  const lines: LogLine[] = [];
  let starts = 0;

  async function place(
    name: string,
    own: Settings,
    start: (settings: StartSettings) => Promise<Part>,
  ): Promise<ProgramProcess> {
    let part: Part | undefined;
    const launch = (release?: string): Promise<Part> =>
      start({
        name,
        release,
        inPlaceOf: settings.isAsShipped === true || release !== undefined ? undefined : bundleOf,
        env: { ...env, ...own },
        onLine(line) {
          settlements.hear(line);
          if (settings.keepLines === undefined) lines.push({ ...line, part: name });
        },
        ...(settings.keepLines === undefined ? {} : { keepLines: settings.keepLines }),
        ...(settings.logFolder === undefined
          ? {}
          : { logFile: path.join(settings.logFolder, `${name}-${++starts}.log`) }),
        onStart(started) {
          part = started;
          running.add(started);
          void started.exited.then(() => running.delete(started));
        },
      });
    await launch(settings.release);
    const newest = (): Part => {
      if (part === undefined) throw new Error(`${name} was never started`);
      return part;
    };
    return {
      name,
      get pid() {
        return newest().pid;
      },
      get lines() {
        return newest().lines;
      },
      get exited() {
        return newest().exited;
      },
      get hasExited() {
        return newest().hasExited;
      },
      waitForLine: (...given) => newest().waitForLine(...given),
      stop: (graceMs) => newest().stop(graceMs),
      kill: () => newest().kill(),
      async start() {
        await launch();
      },
    };
  }
  async function webAt(port: number, name: string, own: Settings = {}): Promise<WebProcess> {
    const at = shared ?? siteOf(port);
    const web = await place(name, { PUBLIC_URL: at, ...own }, (with_) => startWeb({ ...with_, port }));
    return Object.defineProperties({ port, site: at }, Object.getOwnPropertyDescriptors(web)) as WebProcess;
  }
  const worker = (name: string, own: Settings = {}): Promise<ProgramProcess> =>
    // A line of its log says that a worker is ready.
    place(name, { LOG_LEVEL: informative(env["LOG_LEVEL"]), ...own }, startWorker);

  // In this process, which has all of it loaded, but for another release.
  if (settings.release === undefined) await migrateDatabase(databaseUrl, () => undefined);
  else await migrate({ env, release: settings.release, onStart: (part) => running.add(part) });
  const [webs, workers, database] = await Promise.all([
    Promise.all(ports.map((port, n) => webAt(port, `web ${n + 1}`))),
    Promise.all(Array.from({ length: settings.workers ?? 1 }, (_, n) => worker(`worker ${n + 1}`))),
    openDatabase(databaseUrl),
  ]);
  owner.after(() => (database.isInitialized ? database.destroy() : undefined));
  const [web] = webs;
  if (web === undefined) throw new Error("a program has at least one web process");
  let rows: Rows | undefined;
  owner.after(() => rows?.close());
  return {
    ...{ site, webs, web, workers, redis, postgres, database, env, lines },
    get rows() {
      return (rows ??= openRows(databaseUrl));
    },
    sandbox: sandbox.sandbox,
    phone: openPhone(choices.sandboxUrl),
    settledBy: settlements.settledBy,
    openBrowser: (browserSettings) => openBrowser(site, browserSettings),
    startWorker: (own) => worker("worker", own),
    startWeb: async (own) => webAt(await freePort(), "web", own),
    watchSandbox(listener) {
      sandbox.app.middleware.unshift((ctx, next) => {
        ctx.res.once("close", listener(ctx.path));
        return next();
      });
    },
  };
}

function siteOf(port: number): string {
  return `http://localhost:${port}`;
}

async function balancedSite(owner: Owner, ports: readonly number[]): Promise<string> {
  const balancer = openBalancer(ports);
  owner.after(() => balancer.close());
  return siteOf(await balancer.listen());
}

/** Asked for all at once, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
