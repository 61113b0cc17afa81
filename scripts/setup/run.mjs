import { spawn } from "node:child_process";
import process from "node:process";
import { say } from "./messages.mjs";

const STILL_THERE_MS = 15_000;

/**
 * Runs a program of the set-up to its end, its output on standard error, with a line every 15 s so that nobody thinks
 * it hangs. A signal that ends this process ends the program too.
 * @returns its exit code; 127 when there is no such program.
 */
export function run(file, args, { env = process.env, what } = {}) {
  return new Promise((resolve) => {
    const startedAt = Date.now();
    const child = spawn(file, args, { env, stdio: ["ignore", 2, 2] });
    const beat = setInterval(() => {
      say(`  … still ${what}, ${Math.round((Date.now() - startedAt) / 1000)} s`);
    }, STILL_THERE_MS);
    const passOn = (signal) => {
      child.kill(signal);
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, passOn);
    const finish = (code) => {
      clearInterval(beat);
      for (const signal of signals) process.off(signal, passOn);
      resolve(code);
    };
    child.once("error", () => finish(127));
    child.once("exit", (code, signal) => {
      if (signal !== null) process.exit(143);
      finish(code);
    });
  });
}
