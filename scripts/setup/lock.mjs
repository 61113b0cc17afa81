import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { say } from "./messages.mjs";

/**
 * Runs `work` while no other process of this folder does the same. The lock is a listening socket: the system gives
 * it back whatever becomes of the process that held it, so a killed set-up blocks nobody.
 */
export async function withLock(socketPath, work) {
  mkdirSync(path.dirname(socketPath), { recursive: true, mode: 0o700 });
  let told = false;
  for (;;) {
    const lock = await listen(socketPath);
    if (lock !== "taken") {
      try {
        return await work();
      } finally {
        lock?.close();
      }
    }
    if (await answers(socketPath)) {
      if (!told) say("Another command is setting up this folder: waiting for it…");
      told = true;
      await delay(250);
    } else {
      rmSync(socketPath, { force: true });
    }
  }
}

/** @returns the lock, "taken", or nothing on a file system that has no sockets: there people must not start two at once. */
function listen(socketPath) {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => resolve(error.code === "EADDRINUSE" ? "taken" : undefined));
    server.listen(socketPath, () => resolve(server));
    server.unref();
  });
}

function answers(socketPath) {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(error.code === "EAGAIN")); // a full backlog is somebody, too
  });
}
