import { mkdirSync } from "node:fs";
import path from "node:path";
import got from "got";
import { lineAsText, type LogLine } from "../../test/kit/part.js";
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
import type { Household } from "./household.js";
import type { DemoOptions } from "./options.js";
import { chooseRedis } from "./redis-choice.js";

const TRIES_FOR_PORTS = 5;
const WARNING_LEVEL = 40;
const LINES_FOR_A_REASON = 200;

/** The program while it runs: where it listens, and which Redis it uses. */
export interface RunningProgram {
  readonly site: string;
  readonly phone: string;
  readonly redis: string;
  readonly logFolder: string;
}

export interface ProgramPlace {
  readonly options: DemoOptions;
  readonly dataFolder: string;
  readonly household: Household;
  readonly settlements: Settlements;
}

/**
 * Brings a Redis, migrates the database, and starts sandbox, web and worker. All of it joins the household at once,
 * whatever becomes of the rest.
 * @throws PortUnusable, or PartFailed with the reason.
 */
export async function startProgram({
  options,
  dataFolder,
  household,
  settlements,
}: ProgramPlace): Promise<RunningProgram> {
  const logFolder = path.join(dataFolder, "logs");
  mkdirSync(logFolder, { recursive: true, mode: 0o700 });
  const redis = await chooseRedis(process.env, dataFolder, options.embeddedRedis);
  household.addRedis(redis);

  async function startOn(ports: Ports): Promise<RunningProgram> {
    const env = demoEnvironment(process.env, {
      ports,
      redisUrl: redis.url,
      dataFolder,
      isOnce: options.once,
      withWebhooks: !options.noCallbacks,
    });
    const settings = (name: string): StartSettings => ({
      env,
      logFile: path.join(logFolder, `${name}.log`),
      keepLines: LINES_FOR_A_REASON,
      onStart: household.addPart,
      onLine(line) {
        settlements.hear(line);
        if (!options.once) showLine(name, line);
      },
    });
    await migrate(settings("migrate"));
    await Promise.all([
      startSandbox({ ...settings("sandbox"), port: ports.sandbox }),
      startWeb({ ...settings("web"), port: ports.web }),
      startWorker(settings("worker")),
    ]);
    const phone = `http://localhost:${ports.sandbox}`;
    if (options.noCallbacks) await got.put(`${phone}/faults`, { json: { callbacks: "drop" } });
    return { site: env["PUBLIC_URL"] ?? "", phone, redis: redis.description, logFolder };
  }

  for (let tries = 1; ; tries++) {
    const ports = await choosePorts(process.env);
    try {
      return await startOn(ports);
    } catch (error) {
      await household.stopParts();
      // Somebody took a port between our look and our listening: the next look finds another one, or says so.
      if (!(error instanceof PartFailed) || !error.portWasTaken || tries === TRIES_FOR_PORTS) throw error;
    }
  }
}

/** What a person wants to see of the logs: who settled what, and trouble. */
function showLine(name: string, line: LogLine): void {
  if (isSettlement(line)) {
    console.log(`${name}: ${String(line["kind"])} ${String(line["status"])}, settled by ${String(line["by"])}`);
  } else if (line.level === undefined || line.level >= WARNING_LEVEL) {
    console.log(`${name}: ${lineAsText(line)}`);
  }
}
