import { mkdirSync } from "node:fs";
import path from "node:path";
import got from "got";

import type { Owner } from "../../test/kit/owner.js";
import { endedByItself, lineAsText, type LogLine, type Part } from "../../test/kit/part.js";
import {
  migrate,
  PartFailed,
  startSandbox,
  type StartSettings,
  startWeb,
  startWorker,
} from "../../test/kit/processes.js";
import { isSettlement, type Settlements } from "../../test/kit/settlements.js";
import { choosePorts, type Ports } from "./addresses.js";
import { demoEnvironment } from "./environment.js";
import { addExamples, type Examples, startExamples } from "./examples.js";
import { chooseRedis } from "./redis-choice.js";

const TRIES_FOR_PORTS = 5;
const WARNING_LEVEL = 40;
const LINES_FOR_A_REASON = 200;
const GROUP_SIGNAL_MS = 300;

/** The second factors with which a story can be told. */
export type DemoFactor = "authy" | "phone" | "passkey" | "totp";

export interface DemoOptions {
  readonly once: boolean;
  readonly "no-callbacks": boolean;
  readonly json: boolean;
  readonly redis: "embedded";
  readonly factor: DemoFactor;
  /** The story goes on to two applications. */
  readonly app: boolean;
}

/** The program while it runs: where it listens, and which Redis it uses. */
export interface RunningProgram {
  readonly site: string;
  readonly phone: string;
  /** The page of a phone of one's own; null where the person's FACTORS leave it out. */
  readonly phonePage: string | null;
  /** Null where none is told of, or the database is the person's own, to which nothing is added. */
  readonly examples: Examples | null;
  readonly redis: string;
  readonly logFolder: string;
  /** Rejects when one of its processes ends by itself: which one, and why. Never resolves. */
  readonly broken: Promise<never>;
}

/**
 * Brings a Redis, migrates the database, and starts sandbox, web and worker. All of it ends with its owner, whatever becomes
 * of the rest.
 *
 * @throws PortUnusable, or PartFailed with the reason.
 */
export async function startProgram(
  owner: Owner,
  options: Partial<DemoOptions>,
  dataFolder: string,
  settlements: Settlements,
): Promise<RunningProgram> {
  const logFolder = path.join(dataFolder, "logs");
  mkdirSync(logFolder, { recursive: true, mode: 0o700 });
  const parts = new Set<Part>();
  let isEnding = false;
  let fail: (reason: Error) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });
  broken.catch(() => undefined); // it may break while nobody waits for it
  const breakUnlessEnding = (reason: string): void => {
    // Ctrl-C reaches the parts at the same time as this process, and they may be faster.
    setTimeout(() => {
      if (!isEnding) fail(new Error(reason));
    }, GROUP_SIGNAL_MS);
  };

  const redis = await chooseRedis(process.env, dataFolder, options.redis === "embedded");
  owner.after(() => redis.stop());
  void redis.exited.then(() => {
    breakUnlessEnding("Redis ended by itself: its log is in the data folder");
  });
  owner.after(() => {
    isEnding = true;
    return stopParts();
  });
  // setup.mjs ends what was started should this process be killed outright; it may be gone itself.
  const tellSetup = (): void => {
    const started = Array.from(parts, ({ pid }) => pid).concat(redis.pid ?? []);
    if (process.connected) process.send?.({ started }, () => undefined);
  };
  function addPart(part: Part): void {
    parts.add(part);
    tellSetup();
    void part.exited.then((exit) => {
      const endedItself = parts.delete(part);
      tellSetup();
      if (endedItself && part.name !== "migrate") breakUnlessEnding(endedByItself(part.name, exit, part.lines));
    });
  }
  async function stopParts(): Promise<void> {
    const stopping = [...parts];
    parts.clear();
    await Promise.all(stopping.map((part) => part.stop()));
  }

  async function startOn(ports: Ports): Promise<RunningProgram> {
    const env = demoEnvironment(process.env, {
      ports,
      redisUrl: redis.url,
      dataFolder,
      isOnce: options.once === true,
      withWebhooks: options["no-callbacks"] !== true,
    });
    const settings = (name: string): StartSettings => ({
      env,
      logFile: path.join(logFolder, `${name}.log`),
      keepLines: LINES_FOR_A_REASON,
      onStart: addPart,
      onLine(line) {
        settlements.hear(line);
        if (options.once !== true) showLine(name, line);
      },
    });
    await migrate(settings("migrate"));
    const isOwnDatabase = (process.env["DATABASE_URL"] ?? "") !== "";
    const hasExamples = options.once === true ? options.app === true : !isOwnDatabase;
    const [examples] = await Promise.all([
      hasExamples ? addExamples(env["DATABASE_URL"] ?? "", ports) : null,
      startSandbox({ ...settings("sandbox"), port: ports.sandbox }),
      startWeb({ ...settings("web"), port: ports.web }),
      startWorker(settings("worker")),
    ]);
    if (examples !== null) await startExamples(ports, settings);
    const phone = `http://localhost:${ports.sandbox}`;
    if (options["no-callbacks"] === true) await got.put(`${phone}/faults`, { json: { callbacks: "drop" } });
    const site = env["PUBLIC_URL"] ?? "";
    const phonePage = /^\s*$|\bphone\b/.test(env["FACTORS"] ?? "") ? `${site}/phone/` : null;
    return { site, phone, phonePage, examples, redis: redis.description, logFolder, broken };
  }

  for (let tries = 1; ; tries++) {
    const ports = await choosePorts(process.env);
    try {
      return await startOn(ports);
    } catch (error) {
      await stopParts();
      // Somebody took a port between our look and our listening: the next look finds another one, or says so.
      if (!(error instanceof PartFailed) || !error.portWasTaken || tries === TRIES_FOR_PORTS) throw error;
    }
  }
}

/** What a person wants to see of the logs: who settled what, and trouble. */
function showLine(name: string, line: LogLine): void {
  if (isSettlement(line)) {
    console.log(`${name}: ${String(line["kind"])} ${String(line["outcome"])}, settled by ${String(line["by"])}`);
  } else if (line.level === undefined || line.level >= WARNING_LEVEL) {
    console.log(`${name}: ${lineAsText(line)}`);
  }
}
