import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { say } from "./messages.mjs";

/** Runs `work` while no other process of this folder does the same. */
export async function withLock(socketPath, work) {
  mkdirSync(path.dirname(socketPath), { recursive: true, mode: 0o700 });
  for (let told = false; ; told = true) {
    const lock = await takeLock(socketPath);
    if (lock !== "taken") {
      try {
        return await work();
      } finally {
        lock?.close();
      }
    }
    if (!told) say("Another command is setting up this folder: waiting for it…");
    await delay(250);
  }
}

/**
 * Takes a lock. It is a listening socket: the system gives it back whatever becomes of the process that held it.
 *
 * @param socketPath - Better relative: a socket's path may have about 100 characters.
 * @returns the lock, "taken", or nothing on a file system that has no sockets: there people must not start two at once.
 */
export async function takeLock(socketPath) {
  const first = await listen(socketPath);
  if (first !== "taken" || (await isLocked(socketPath))) return first;
  rmSync(socketPath, { force: true }); // a killed process has left it behind
  return listen(socketPath);
}

function listen(socketPath) {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => resolve(error.code === "EADDRINUSE" ? "taken" : undefined));
    server.listen(socketPath, () => resolve(server));
    server.unref();
  });
}

/** Whether a process holds this lock. */
export function isLocked(socketPath) {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(error.code === "EAGAIN")); // a full backlog is somebody, too
  });
}
