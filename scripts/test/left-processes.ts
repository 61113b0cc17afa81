import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const MARK = "COUNTERSIGN_TEST_RUN";
const GRACE_MS = 3000;

export interface RunMark {
  /** Goes into the environment of the tests, and so of everything that they start. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the processes that the tests have left behind. @returns their command lines. Always none where there is no /proc. */
  endLeftProcesses(): Promise<string[]>;
}

/** Marks a run of the tests, to find afterwards what it has started and not ended. */
export function markRun(): RunMark {
  const run = `${process.pid}-${Date.now()}`;
  return {
    env: { [MARK]: run },
    async endLeftProcesses() {
      const deadline = Date.now() + GRACE_MS; // a browser's helpers take a moment to notice that it has gone
      let left = markedProcesses(run);
      while (left.length > 0 && Date.now() < deadline) {
        await delay(100);
        left = markedProcesses(run);
      }
      for (const { pid } of left) process.kill(pid, "SIGKILL");
      return left.map(({ command }) => command);
    },
  };
}

function markedProcesses(run: string): { pid: number; command: string }[] {
  return processIds()
    .map((pid) => ({ pid, environment: read(pid, "environ"), command: read(pid, "cmdline").join(" ").trim() }))
    .filter(({ environment, command }) => environment.includes(`${MARK}=${run}`) && command !== "");
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function read(pid: number, file: "environ" | "cmdline"): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  } catch {
    return []; // it has just ended, or belongs to somebody else
  }
}
