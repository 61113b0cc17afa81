import { setTimeout as delay } from "node:timers/promises";
import got from "got";
import { type LogLine, type Part, type PartSettings, endedByItself, startPart } from "./part.js";

const READY_WITHIN_MS = 60_000;
const BETWEEN_LOOKS_MS = 50;

/** What every part is started with: its environment, and what becomes of its lines. */
export type StartSettings = Pick<PartSettings, "env" | "release" | "logFile" | "onLine" | "onStart" | "keepLines"> & {
  readonly name?: string;
  /** What to start in place of a script of dist/. */
  readonly inPlaceOf?: ((script: string) => string) | undefined;
};

/** A part that listens, and where. */
export interface ListeningPart extends Part {
  /** Its address on loopback, without a slash at the end. */
  readonly url: string;
}

/** A part that has ended before it was ready: its exit code tells wrong settings (78) from the rest. */
export class PartFailed extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    readonly portWasTaken = false,
  ) {
    super(message);
  }
}

async function failed(part: Part): Promise<PartFailed> {
  const exit = await part.exited;
  const portWasTaken = part.lines.some((line) => JSON.stringify(line).includes("it is in use"));
  return new PartFailed(endedByItself(part.name, exit, part.lines), exit.code ?? 1, portWasTaken);
}

/** Brings the database up to date. @throws PartFailed with what it wrote when it can't. */
export async function migrate(settings: StartSettings): Promise<void> {
  const part = startPart({ name: "migrate", script: "dist/scripts/migrate.js", ...settings });
  if ((await part.exited).code !== 0) throw await failed(part);
}

/** Starts the Authy sandbox and waits until it answers. */
export async function startSandbox(settings: StartSettings & { readonly port: number }): Promise<ListeningPart> {
  const env = { ...settings.env, SANDBOX_PORT: String(settings.port) };
  const part = startPart({ name: "sandbox", script: "sandbox/main.ts", ...settings, env });
  return listening(part, settings.port, "/");
}

/** Starts a web process and waits until it is ready to serve, Redis or not. */
export async function startWeb(settings: StartSettings & { readonly port: number }): Promise<ListeningPart> {
  const env = { ...settings.env, PORT: String(settings.port) };
  const { inPlaceOf = asItIs } = settings;
  const part = startPart({ name: "web", script: inPlaceOf("dist/src/server.js"), ...settings, env });
  return listening(part, settings.port, "/readyz");
}

/** Starts a worker and waits until it takes jobs. */
export async function startWorker(settings: StartSettings): Promise<Part> {
  const { inPlaceOf = asItIs } = settings;
  const part = startPart({ name: "worker", script: inPlaceOf("dist/workers/index.js"), ...settings });
  return whenReady(part, () => Promise.resolve(part.lines.some((line) => line.msg === "worker ready")));
}

function asItIs(script: string): string {
  return script;
}

async function listening(part: Part, port: number, readyPath: string): Promise<ListeningPart> {
  const url = `http://127.0.0.1:${port}`;
  await whenReady(part, () => answersWell(`${url}${readyPath}`));
  return Object.defineProperties({ url }, Object.getOwnPropertyDescriptors(part)) as ListeningPart;
}

async function whenReady(part: Part, isReady: () => Promise<boolean>): Promise<Part> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    if (part.hasExited) throw await failed(part);
    if (await isReady()) return part;
    await delay(BETWEEN_LOOKS_MS);
  }
  await part.kill();
  const silent: LogLine = { msg: "(nothing)" };
  throw new PartFailed(
    `${part.name} was not ready after ${READY_WITHIN_MS / 1000} s; its last line: ${(part.lines.at(-1) ?? silent).msg ?? ""}`,
    1,
  );
}

async function answersWell(url: string): Promise<boolean> {
  try {
    return (
      (await got(url, { retry: { limit: 0 }, timeout: { request: 2000 }, throwHttpErrors: false })).statusCode === 200
    );
  } catch {
    return false;
  }
}
