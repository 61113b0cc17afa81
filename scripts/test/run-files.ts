import { spawn } from "node:child_process";
import { constants } from "node:os";
import { markRun } from "./left-processes.js";

const TEST_LIMIT_MS = 600_000;

/**
 * Runs test files, two at a time, and ends what they leave behind, also after Ctrl-C.
 * @returns 0 when all passed and nothing was left behind.
 */
export async function runTestFiles(
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const mark = markRun();
  const code = await runNode(files, { ...env, ...mark.env });
  const left = await mark.endLeftProcesses();
  mark.removeFiles();
  if (left.length === 0) return code;
  console.error(`The tests have left these processes behind:\n${left.map((each) => `  ${each}`).join("\n")}`);
  return code || 1;
}

function runNode(files: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const options = ["--test", "--test-concurrency=2", `--test-timeout=${TEST_LIMIT_MS}`, "--test-reporter=spec"];
  const child = spawn(process.execPath, ["--import", "tsx", ...options, ...files], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]);
    });
  });
}
