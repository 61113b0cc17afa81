import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";

const LOOK_AT_PARENT_MS = 1000;

/**
 * Runs the command's own script in this process group until it ends.
 *
 * Signals are passed on, and so is the end of npm, which a SIGKILL lets nobody announce. The script in turn tells which
 * processes it has started (`{ started: [pid, …] }`), so that they end even when it is itself killed outright.
 * @returns its exit code; 128 and the signal's number when a signal ended it.
 */
export function handOver(script, args) {
  return new Promise((resolve, reject) => {
    const stdio = ["inherit", "inherit", "inherit", "ipc"];
    const child = spawn(process.execPath, ["--import", "tsx", script, ...args], { stdio });
    let started = [];
    child.on("message", (message) => {
      started = message.started ?? started;
    });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.env["npm_lifecycle_event"] !== undefined && process.ppid !== parent) child.kill("SIGTERM");
    }, LOOK_AT_PARENT_MS);
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearInterval(watch);
      if (signal !== null) started.forEach(end);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

function end(pid) {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It has ended by itself.
  }
}
