import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { runChecks } from "./test/checks.js";
import { markRun } from "./test/left-processes.js";

const TEST_LIMIT_MS = 600_000;

async function main(): Promise<number> {
  const parts = process.argv.slice(2);
  const files = testFiles().filter((file) => parts.length === 0 || parts.some((part) => file.includes(normal(part))));
  if (files.length === 0) {
    console.error(`No test file's path contains ${parts.join(" or ")}.`);
    return 64;
  }
  if (parts.length === 0 && !(await runChecks())) {
    console.error("\nThe tests were not run, because of the above.");
    return 1;
  }
  const mark = markRun();
  console.log(`\n${files.length} test files:`);
  const code = await runTests(files, mark.env);
  const left = await mark.endLeftProcesses();
  if (left.length === 0) return code;
  console.error(`The tests have left these processes behind:\n${left.map((each) => `  ${each}`).join("\n")}`);
  return code || 1;
}

function testFiles(): string[] {
  return ["test", "sandbox/test"]
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.posix.join(folder, name)),
    )
    .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
    .sort();
}

function normal(part: string): string {
  return path.relative(".", path.resolve(part));
}

function runTests(files: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
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

process.exitCode = await main();
