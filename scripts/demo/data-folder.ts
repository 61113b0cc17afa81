import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import path from "node:path";
import { stopLeftRedis } from "../private-redis.js";

const ROOT = ".data";
const ONCE = "once-";

/** A folder that belongs to this demo alone until it is released, or its process ends. */
export interface DataFolder {
  readonly path: string;
  release(): void;
}

/**
 * The folder of a demo that keeps its data: `.data`, or `.data/demo-2`, `-3` … while other demos of this clone run.
 */
export async function claimDataFolder(): Promise<DataFolder> {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? ROOT : path.join(ROOT, `demo-${number}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = await claim(folder);
    if (lock !== "taken") return { path: folder, release: () => lock?.close() };
  }
}

/** A new folder for one story. */
export async function temporaryDataFolder(): Promise<DataFolder> {
  mkdirSync(ROOT, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(path.join(ROOT, ONCE));
  const lock = await claim(folder);
  return { path: folder, release: () => lock !== "taken" && lock?.close() };
}

/** Removes what stories that were killed, or failed and left their logs, have left behind. */
export async function removeLeftFolders(): Promise<void> {
  for (const name of readdirSync(ROOT).filter((each) => each.startsWith(ONCE))) {
    const folder = path.join(ROOT, name);
    if (await isClaimed(folder)) continue;
    await stopLeftRedis(path.join(folder, "redis"));
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The claim is a listening socket, which the system gives back whatever becomes of the process.
 * @returns nothing on a file system that has no sockets: there two demos of one clone share their data.
 */
async function claim(folder: string): Promise<Server | "taken" | undefined> {
  const first = await listen(socketOf(folder));
  if (first !== "taken" || (await isClaimed(folder))) return first;
  rmSync(socketOf(folder), { force: true });
  return listen(socketOf(folder));
}

function socketOf(folder: string): string {
  return path.join(folder, "demo.sock"); // relative on purpose: a socket's path may have about 100 characters
}

function listen(socketPath: string): Promise<Server | "taken" | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "EADDRINUSE" ? "taken" : undefined);
    });
    server.listen(socketPath, () => {
      resolve(server);
    });
    server.unref();
  });
}

function isClaimed(folder: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketOf(folder));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}
