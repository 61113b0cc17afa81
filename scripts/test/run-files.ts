import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, constants } from "node:os";
import path from "node:path";
import { unfinished } from "./lane.js";
import { markRun } from "./left-processes.js";

/** So many processes run tests: more than processors, since many tests wait, and few enough that none waits for its turn. */
const LANES = Math.min(2 * availableParallelism(), 8);
const RUN_LIMIT_MS = 1_800_000;

/**
 * Runs test files in a few lanes, and ends what they leave behind, also after Ctrl-C.
 * @returns 0 when all passed and nothing was left behind.
 */
export async function runTestFiles(
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const mark = markRun();
  const begun = path.join(mark.folder, "begun");
  mkdirSync(begun);
  const { code, isCutShort } = await runNode(writeLanes(files, mark.folder, begun), { ...env, ...mark.env });
  const missing = isCutShort ? [] : unfinished(files, begun);
  const left = await mark.endLeftProcesses();
  mark.removeFiles();
  if (missing.length > 0) console.error(`These test files did not run to their end:${inLines(missing)}`);
  if (left.length > 0) console.error(`The tests have left these processes behind:${inLines(left)}`);
  return code || Number(missing.length + left.length > 0);
}

function inLines(texts: readonly string[]): string {
  return texts.map((each) => `\n  ${each}`).join("");
}

/** @returns the files that Node.js is to run: one for each lane. */
function writeLanes(files: readonly string[], folder: string, begun: string): string[] {
  const lane = JSON.stringify(new URL("lane.ts", import.meta.url));
  const text = `import { runLane } from ${lane};\nawait runLane(${JSON.stringify(files)}, ${JSON.stringify(begun)});\n`;
  return Array.from({ length: Math.min(LANES, files.length) }, (_, n) => {
    const file = path.join(folder, `lane-${n + 1}.mjs`);
    writeFileSync(file, text);
    return file;
  });
}

async function runNode(
  files: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; isCutShort: boolean }> {
  const options = ["--test", `--test-concurrency=${LANES}`, `--test-timeout=${RUN_LIMIT_MS}`, "--test-reporter=spec"];
  const child = spawn(process.execPath, ["--import", "tsx", ...options, ...files], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  let isCutShort = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      isCutShort = true;
      child.kill(signal);
    });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      resolve({ code: code ?? 128 + constants.signals[signal ?? "SIGKILL"], isCutShort });
    });
  });
}
