import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { markRun } from "../../scripts/test/left-processes.js";
import type { Owner } from "./owner.js";

/** A command of this repository while it runs. */
export interface RunningCommand {
  readonly pid: number;
  /** What it has printed so far, standard output and standard error each by itself. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when standard output holds `text`; rejects when the command ends before, or after three minutes. */
  waitForText(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Its exit code; null when a signal ended it. */
  readonly exitCode: Promise<number | null>;
  /** The command lines of what it started and left behind; they are ended. */
  leftProcesses(): Promise<string[]>;
}

/**
 * Runs a program with nothing of this machine's settings but PATH and the home folder.
 * @param env - Settings on top of those; PATH may be another one, too.
 */
export function runCommand(
  owner: Owner,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RunningCommand {
  const mark = markRun(env["DEMO_DATA"] === undefined ? [] : [env["DEMO_DATA"]]);
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(file, args, { env: { PATH, HOME, ...env, ...mark.env }, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
  const exitCode = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  owner.after(async () => {
    child.kill("SIGTERM");
    await exitCode;
    await mark.endLeftProcesses();
    mark.removeFiles();
  });
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    exitCode,
    signal: (name) => child.kill(name),
    leftProcesses: () => mark.endLeftProcesses(),
    async waitForText(text) {
      for (let tries = 0; tries < 3600 && !stdout.includes(text); tries++) {
        if (child.exitCode !== null) throw new Error(`it ended before it said "${text}":\n${stdout}${stderr}`);
        await delay(50);
      }
      if (!stdout.includes(text)) throw new Error(`it did not say "${text}":\n${stdout}${stderr}`);
    },
  };
}
