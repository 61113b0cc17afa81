import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type FormBrowser, openFormBrowser } from "./form-browser.js";
import { type Part } from "./part.js";
import { freePort } from "./ports.js";
import { type ListeningPart, migrate, startSandbox, type StartSettings, startWeb, startWorker } from "./processes.js";
import { readSettlements } from "./settlements.js";
import { ensureBuilt } from "./built.js";
import { type Owner } from "./owner.js";
import { startPostgres, type TestPostgres } from "./postgres.js";
import { startRedis, type TestRedis } from "./redis.js";

export interface ProgramSettings {
  /** How many web processes; each has its own address. One unless said otherwise. */
  readonly webs?: number;
  /** How many workers; one unless said otherwise. */
  readonly workers?: number;
  /** SQLite unless said otherwise; or the address of an empty database that is there already. */
  readonly database?: "sqlite" | "postgres" | { readonly url: string };
  /** Which web process Authy calls; the first unless said otherwise. */
  readonly callbackTo?: number;
  /** Whether the sandbox tells of registrations by webhook; yes unless said otherwise. */
  readonly withWebhooks?: boolean;
  /** Settings of every part, on top of the test's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A web process of the program, as browsers know it. */
export interface TestWeb extends ListeningPart {
  /** Its public address, with the host name that its cookies and origin checks go by. */
  readonly site: string;
}

/** The whole program, of real processes on real Redis, real database and the sandbox. */
export interface Program {
  readonly webs: readonly TestWeb[];
  /** The first web process. */
  readonly web: TestWeb;
  readonly workers: readonly Part[];
  readonly sandbox: ListeningPart;
  readonly redis: TestRedis;
  /** Only with `database: "postgres"`. */
  readonly postgres: TestPostgres | undefined;
  /** The sandbox's address. */
  readonly phone: string;
  /** The settings that all parts share. */
  readonly env: Readonly<Record<string, string>>;
  readonly settledBy: (challengeId: string) => Promise<string>;
  /** A browser at the first web process. */
  openBrowser(): FormBrowser;
  /** Starts one more, also in place of one that has ended. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<Part>;
  /** Starts one more web process at `port`, or a new one. */
  startWeb(port?: number, env?: Readonly<Record<string, string>>): Promise<TestWeb>;
  startSandbox(): Promise<ListeningPart>;
}

/** Starts the program and waits until all of it is ready. It ends with its owner, whatever happens. */
export async function startProgram(owner: Owner, settings: ProgramSettings = {}): Promise<Program> {
  ensureBuilt();
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-test-"));
  const started: Part[] = [];
  owner.after(async () => {
    await Promise.all(started.map((part) => part.kill()));
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startRedis(owner);
  const postgres = settings.database === "postgres" ? await startPostgres(owner) : undefined;
  const databaseUrl =
    typeof settings.database === "object"
      ? settings.database.url
      : ((await postgres?.createDatabase()) ?? `sqlite:${path.join(folder, "test.sqlite")}`);
  const webPorts = await ports(settings.webs ?? 1);
  const sandboxPort = await freePort();
  const env = testEnvironment({
    databaseUrl,
    redisUrl: redis.url,
    sandboxUrl: `http://127.0.0.1:${sandboxPort}`,
    callbackSite: siteOf(webPorts[settings.callbackTo ?? 0] ?? 0),
    withWebhooks: settings.withWebhooks ?? true,
    more: settings.env ?? {},
  });
  const settlements = readSettlements();
  const starting = (more: Readonly<Record<string, string>> = {}): StartSettings => ({
    env: { ...env, ...more },
    onStart: (part) => started.push(part),
    onLine: settlements.hear,
  });
  const webAt = async (port: number, more: Readonly<Record<string, string>> = {}): Promise<TestWeb> => {
    const site = siteOf(port);
    const part = await startWeb({ ...starting({ PUBLIC_URL: site, ...more }), port });
    return Object.defineProperties({ site }, Object.getOwnPropertyDescriptors(part)) as TestWeb;
  };
  const sandboxAt = (): Promise<ListeningPart> => startSandbox({ ...starting(), port: sandboxPort });

  await migrate(starting());
  const [sandbox, webs, workers] = await Promise.all([
    sandboxAt(),
    Promise.all(webPorts.map((port) => webAt(port))),
    Promise.all(Array.from({ length: settings.workers ?? 1 }, () => startWorker(starting()))),
  ]);
  const [web] = webs;
  if (web === undefined) throw new Error("a program has at least one web process");
  return {
    webs,
    web,
    workers,
    sandbox,
    redis,
    postgres,
    env,
    phone: sandbox.url,
    settledBy: settlements.settledBy,
    openBrowser: () => openFormBrowser(web.site),
    startWorker: (more) => startWorker(starting(more)),
    startWeb: async (port, more) => webAt(port ?? (await freePort()), more),
    startSandbox: sandboxAt,
  };
}

function siteOf(port: number): string {
  return `http://localhost:${port}`;
}

/** Asked for all at once, so that no two are the same. */
async function ports(count: number): Promise<number[]> {
  return [...new Set(await Promise.all(Array.from({ length: count }, freePort)))];
}

interface TestEnvironment {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly sandboxUrl: string;
  readonly callbackSite: string;
  readonly withWebhooks: boolean;
  readonly more: Readonly<Record<string, string>>;
}

/** Nothing of the machine's own settings but where programs and temporary files are. */
function testEnvironment(choices: TestEnvironment): Record<string, string> {
  const apiKey = randomBytes(16).toString("hex");
  const webhookKey = `WSK_${randomBytes(16).toString("hex")}`;
  const callbackUrl = `${choices.callbackSite}/webhooks/authy/onetouch`;
  const webhookUrl = `${choices.callbackSite}/webhooks/authy/events`;
  const inherited = Object.fromEntries(
    ["PATH", "HOME", "TMPDIR", "COUNTERSIGN_TEST_RUN"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return {
    ...inherited,
    NODE_ENV: "development",
    SESSION_KEYS: randomBytes(32).toString("hex"),
    DATABASE_URL: choices.databaseUrl,
    REDIS_URL: choices.redisUrl,
    AUTHY_APP_NAME: "Countersign test",
    AUTHY_APP_ID: "359137",
    AUTHY_PRODUCTION_API_KEY: apiKey,
    AUTHY_API_URL: choices.sandboxUrl,
    AUTHY_CALLBACK_URL: callbackUrl,
    AUTHY_WEBHOOK_URL: webhookUrl,
    AUTHY_WEBHOOK_SIGNING_KEY: webhookKey,
    SANDBOX_API_KEY: apiKey,
    SANDBOX_CALLBACK_URL: callbackUrl,
    ...(choices.withWebhooks ? { SANDBOX_WEBHOOK_URL: webhookUrl, SANDBOX_WEBHOOK_SIGNING_KEY: webhookKey } : {}),
    ARGON2_TEST_STRENGTH: "true",
    LOGIN_FLOOR_MS: "0",
    LOOP_LAG_SHED_MS: "0", // several test files share two cores
    ...choices.more,
  };
}
