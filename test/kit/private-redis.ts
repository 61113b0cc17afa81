import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort } from "./ports.js";

const READY_WITHIN_MS = 10_000;
const STOPS_WITHIN_MS = 5_000;

/** A Redis server of our own: loopback, a password, its data in one folder. */
export interface PrivateRedis {
  readonly url: string;
  readonly pid: number;
  /** Whether it was found running, left behind by a process that was killed. */
  readonly wasRunning: boolean;
  /** Resolves when it ends, for whatever reason. Never for one that was found running. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** Where a server listens on loopback, and its password. */
export interface RedisAddress {
  readonly port: number;
  readonly password: string;
}

export async function newAddress(): Promise<RedisAddress> {
  return { port: await freePort(), password: randomBytes(24).toString("hex") };
}

/**
 * Starts `program` with its data in `folder`, or takes over the one that still runs there.
 *
 * It leads a process group of its own: Ctrl-C reaches the whole group of a command at once, and the others still need
 * Redis while they finish.
 * @throws with the end of its log when it doesn't answer within 10 s.
 */
export async function startPrivateRedis(
  program: string,
  folder: string,
  address?: RedisAddress,
): Promise<PrivateRedis> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const running = await findRunning(folder);
  if (running)
    return { ...running, wasRunning: true, exited: new Promise(() => undefined), stop: () => shutDown(running) };

  const { port, password } = address ?? (await newAddress());
  writeFileSync(settingsFile(folder), settings(folder, port, password), { mode: 0o600 });
  const child = spawn(program, [settingsFile(folder)], { stdio: "ignore", detached: true });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => {
      resolve();
    });
    child.once("error", () => {
      resolve();
    });
  });
  const server = { url: `redis://:${password}@127.0.0.1:${port}`, pid: child.pid ?? -1 };
  await ready(server.url, child, folder);
  return { ...server, wasRunning: false, exited, stop: () => end(child, exited) };
}

/** Ends the server that a killed process has left behind in `folder`, if there is one. */
export async function stopLeftRedis(folder: string): Promise<void> {
  const running = await findRunning(folder);
  if (running) await shutDown(running);
}

function settingsFile(folder: string): string {
  return path.join(folder, "redis.conf");
}

function settings(folder: string, port: number, password: string): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(path.resolve(folder))}`,
    `logfile ${JSON.stringify(path.resolve(folder, "redis.log"))}`,
    "appendonly yes",
    'save ""',
    "maxmemory-policy noeviction",
    "",
  ].join("\n");
}

async function findRunning(folder: string): Promise<{ url: string; pid: number } | undefined> {
  let text: string;
  try {
    text = readFileSync(settingsFile(folder), "utf8");
  } catch {
    return undefined;
  }
  const [port, password] = [/^port (\d+)$/m.exec(text)?.[1], /^requirepass (\S+)$/m.exec(text)?.[1]];
  const url = `redis://:${password ?? ""}@127.0.0.1:${port ?? ""}`;
  const pid = await askOnce(url, async (redis) => Number(/process_id:(\d+)/.exec(await redis.info("server"))?.[1]));
  return pid === undefined ? undefined : { url, pid };
}

async function shutDown({ url, pid }: { url: string; pid: number }): Promise<void> {
  await askOnce(url, (redis) => redis.shutdown());
  const deadline = Date.now() + STOPS_WITHIN_MS;
  while (isAlive(pid) && Date.now() < deadline) await delay(20);
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), STOPS_WITHIN_MS);
  await exited;
  clearTimeout(force);
}

async function ready(url: string, child: ChildProcess, folder: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    if ((await askOnce(url, (redis) => redis.ping())) === "PONG") return;
    await delay(20);
  }
  child.kill("SIGKILL");
  throw new Error(`Redis did not start. Its log ends with:\n${endOfLog(folder)}`);
}

function endOfLog(folder: string): string {
  try {
    return readFileSync(path.join(folder, "redis.log"), "utf8").trimEnd().split("\n").slice(-5).join("\n");
  } catch {
    return "(it has written none)";
  }
}

/** One question on a connection of its own; undefined when there is no answer within half a second. */
async function askOnce<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T | undefined> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 500,
    commandTimeout: 500,
    retryStrategy: () => null,
  });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    return await question(redis);
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
