import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { missingFromLock } from "./lock-file.js";

interface Check {
  readonly name: string;
  readonly run: () => Promise<string | undefined>;
}

const CACHE = ".data/cache";

/** Some of what lint says of a file depends on the types of others, so its cache is for the quick run alone. */
function checks(isQuick: boolean): Check[] {
  const types = ["--noEmit", "-p", ".", "--incremental", "--tsBuildInfoFile", `${CACHE}/types.json`];
  const cached = (name: string): string[] => [
    "--cache",
    "--cache-strategy",
    "content",
    "--cache-location",
    `${CACHE}/${name}`,
  ];
  return [
    { name: "lock file", run: checkLockFile },
    { name: "types", run: () => runTool("typescript-native/bin/tsc", types) },
    { name: "types of the browser modules", run: () => runTool("typescript-native/bin/tsc", ["-p", "views"]) },
    { name: "lint", run: () => runTool("eslint/bin/eslint.js", [".", ...(isQuick ? cached("lint.json") : [])]) },
    {
      name: "format",
      run: () => runTool("prettier/bin/prettier.cjs", ["--check", "--log-level=warn", ".", ...cached("format.json")]),
    },
  ];
}

/** Checks lock file, types, lint and format, side by side. @returns whether all are in order; what isn't is printed. */
export async function runChecks(isQuick: boolean): Promise<boolean> {
  const results = await Promise.all(
    checks(isQuick).map(async ({ name, run }) => {
      const startedAt = performance.now();
      const problems = await run();
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      console.log(`${problems === undefined ? "✔" : "✖"} ${name} (${seconds} s)`);
      return problems;
    }),
  );
  const problems = results.filter((each) => each !== undefined);
  for (const each of problems) console.error(`\n${each}`);
  return problems.length === 0;
}

function checkLockFile(): Promise<string | undefined> {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Parameters<typeof missingFromLock>[0];
  };
  const missing = missingFromLock(lock.packages);
  return Promise.resolve(
    missing.length === 0
      ? undefined
      : `package-lock.json is incomplete:\n${missing.map((line) => `  ${line}`).join("\n")}`,
  );
}

/** @returns what the tool printed when it was not content. */
function runTool(script: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`node_modules/${script}`, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const output: string[] = [];
    child.stdout.on("data", (part) => output.push(String(part)));
    child.stderr.on("data", (part) => output.push(String(part)));
    child.once("error", reject);
    child.once("close", (code) => {
      resolve(code === 0 ? undefined : output.join(""));
    });
  });
}
