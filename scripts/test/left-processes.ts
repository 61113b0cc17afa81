import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const MARK = "COUNTERSIGN_TEST_RUN";
const GRACE_MS = 10_000;

export interface RunMark {
  /** For temporary files. */
  readonly folder: string;
  /** Goes into the environment of the tests, and so of everything that they start. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the processes that the tests have left behind. @returns their command lines. Always none where there is no /proc. */
  endLeftProcesses(): Promise<string[]>;
  /** Removes the temporary files that the tests have left behind. */
  removeFiles(): void;
}

/**
 * Marks a run of the tests, to find afterwards what it has started and not ended: a process carries the mark in its
 * environment or, where it writes its title over that as Redis and PostgreSQL do, works in a folder of the run.
 *
 * @param folders - Where else the run keeps its files, besides a temporary folder of its own.
 */
export function markRun(folders: readonly string[] = []): RunMark {
  const run = `${process.pid}-${Date.now()}`;
  const temporary = mkdtempSync(path.join(tmpdir(), "countersign-run-"));
  chmodSync(temporary, 0o711); // PostgreSQL may run as another account
  return {
    folder: temporary,
    env: { [MARK]: run, TMPDIR: temporary },
    async endLeftProcesses() {
      const look = () => processesOf(`${MARK}=${run}`, [temporary, ...folders]);
      const deadline = Date.now() + GRACE_MS; // a browser's helpers take a moment to notice that it has gone
      let left = look();
      while (left.length > 0 && Date.now() < deadline) {
        await delay(100);
        left = look();
      }
      for (const { pid } of left) process.kill(pid, "SIGKILL");
      return left.map(({ command }) => command);
    },
    removeFiles() {
      rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function processesOf(mark: string, folders: readonly string[]): { pid: number; command: string }[] {
  return processIds()
    .filter((pid) => read(pid, "environ").includes(mark) || folders.some((folder) => worksIn(pid, folder)))
    .map((pid) => ({ pid, command: read(pid, "cmdline").join(" ").trim() }))
    .filter(({ command }) => command !== "");
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(path.join(folder, path.sep));
  } catch {
    return false;
  }
}

function read(pid: number, file: "environ" | "cmdline"): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  } catch {
    return []; // it has just ended, or belongs to somebody else
  }
}
