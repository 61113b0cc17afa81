import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import path from "node:path";
import { stopLeftRedis } from "../../test/kit/private-redis.js";

const ONCE = "once-";

/** A folder that belongs to this demo alone until it is released, or its process ends. */
export interface DataFolder {
  readonly path: string;
  release(): void;
}

/**
 * The folder of a demo that keeps its data: `root`, or `demo-2`, `demo-3` … in it while other demos use the ones before.
 */
export async function claimDataFolder(root: string): Promise<DataFolder> {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? root : path.join(root, `demo-${number}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = await claim(folder);
    if (lock !== "taken") return { path: folder, release: () => lock?.close() };
  }
}

/** A new folder in `root` for one story. */
export async function temporaryDataFolder(root: string): Promise<DataFolder> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(path.join(root, ONCE));
  const lock = await claim(folder);
  return { path: folder, release: () => lock !== "taken" && lock?.close() };
}

/** Removes from `root` what stories that were killed, or failed and left their logs, have left behind. */
export async function removeLeftFolders(root: string): Promise<void> {
  for (const name of existsSync(root) ? readdirSync(root).filter((each) => each.startsWith(ONCE)) : []) {
    const folder = path.join(root, name);
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
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "EAGAIN"); // a full backlog is somebody, too
    });
  });
}
