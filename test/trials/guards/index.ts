import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { type Guard, GUARDS } from "./guards.js";

const NOT_COPIED = new Set([".git", "node_modules", ".data"]);

/** `caught`: a test failed. `missed`: all passed. Else why it could not be tried. */
type Result = "caught" | "missed" | "not found in the file" | "does not compile" | "no test has the rule in its name";

/** A copy of the sources in which guards can be taken away. */
function copyOfSources(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-guards-"));
  cpSync(".", folder, { recursive: true, filter: (file) => !NOT_COPIED.has(path.basename(file)) });
  for (const each of ["node_modules", "sandbox/test/libraries/node_modules"])
    trySymlink(path.resolve(each), path.join(folder, each));
  return folder;
}

function trySymlink(to: string, at: string): void {
  try {
    symlinkSync(to, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function node(folder: string, ...args: readonly string[]): { readonly code: number | null; readonly output: string } {
  const ran = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", maxBuffer: 1e9 });
  return { code: ran.status, output: ran.stdout + ran.stderr };
}

function runTests(folder: string, rule: string, tests: readonly string[]): "passed" | "failed" | "none" {
  const named = rule === "" ? [] : [`--test-name-pattern=${rule}`];
  const { code, output } = node(folder, "--import", "tsx", "--test", "--test-reporter=tap", ...named, ...tests);
  if (code !== 0) return "failed";
  return /^# pass [1-9]/m.test(output) ? "passed" : "none";
}

function tryWithout({ file, find, put, rule, tests }: Guard, folder: string): Result {
  const place = path.join(folder, file);
  const whole = readFileSync(place, "utf8");
  if (whole.split(find).length !== 2) return "not found in the file";
  writeFileSync(
    place,
    whole.replace(find, () => put),
  );
  try {
    if (node(folder, "scripts/setup.mjs", "build").code !== 0) return "does not compile";
    const ran = runTests(folder, rule, tests);
    return ran === "failed" ? "caught" : ran === "passed" ? "missed" : "no test has the rule in its name";
  } finally {
    writeFileSync(place, whole);
  }
}

/** Takes each guard away in turn. Exit code 1 unless every loss is noticed, and none of the tests fails with all in place. */
function main(): void {
  const only = process.argv.slice(2).map(Number);
  const chosen = GUARDS.map((guard, at) => ({ guard, number: at + 1 })).filter(
    ({ number }) => only.length === 0 || only.includes(number),
  );
  const folder = copyOfSources();
  try {
    const before = new Map<string, string>();
    let unproved = 0;
    for (const { guard, number } of chosen) {
      const key = `${guard.rule} ${guard.tests.join(" ")}`;
      const sound = before.get(key) ?? runTests(folder, guard.rule, guard.tests);
      before.set(key, sound);
      const result = sound === "passed" ? tryWithout(guard, folder) : "its tests fail with every guard in place";
      if (result !== "caught") unproved += 1;
      console.log(
        `${String(number).padStart(3)}  ${result === "caught" ? "caught" : `NOT CAUGHT (${result})`}  ${guard.what}`,
      );
    }
    console.log(`${chosen.length - unproved} of ${chosen.length} caught`);
    if (unproved > 0) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
