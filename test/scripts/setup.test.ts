import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { runCommand } from "../kit/command.js";
import { until } from "../kit/until.js";

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-setup-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Package and lock file that want these packages, each from a folder of its name: installing them needs no network. */
function writeProject(folder: string, names: readonly string[]): void {
  const whole = {
    name: "whole",
    version: "1.0.0",
    dependencies: Object.fromEntries(names.map((n) => [n, `file:${n}`])),
  };
  const packages: Record<string, unknown> = { "": whole };
  for (const name of names) {
    packages[`node_modules/${name}`] = { resolved: name, link: true };
    packages[name] = { version: "1.0.0" };
    mkdirSync(path.join(folder, name), { recursive: true });
    writeFileSync(path.join(folder, name, "package.json"), JSON.stringify({ name, version: "1.0.0" }));
  }
  const lock = { name: "whole", version: "1.0.0", lockfileVersion: 3, requires: true, packages };
  writeFileSync(path.join(folder, "package.json"), JSON.stringify(whole));
  writeFileSync(path.join(folder, "package-lock.json"), JSON.stringify(lock));
}

/** @returns what the set-up said. */
function install(folder: string): string {
  const script =
    'import { installWhenStale } from "./scripts/setup/install.mjs"; await installWhenStale(process.argv[1]);';
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script, folder], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return stderr;
}

describe("installing the packages", () => {
  it("happens when they are missing, or are not what the lock file says, and only then", (t) => {
    const folder = temporaryFolder(t);
    writeProject(folder, ["one"]);
    assert.match(install(folder), /^Installing the packages/);
    assert.equal(install(folder), "");
    writeProject(folder, ["one", "two"]);
    assert.match(install(folder), /^Installing the packages/);
    assert.equal(install(folder), "");
    writeProject(folder, ["two"]);
    assert.match(install(folder), /^Installing the packages/);
    assert.equal(install(folder), "");
  });
});

describe("a command's set-up", () => {
  it("names the commands when it is given none", async (t) => {
    const setup = runCommand(t, process.execPath, ["scripts/setup.mjs"]);
    assert.equal(await setup.exitCode, 64);
    assert.match(setup.stderr(), /^Usage: node scripts\/setup\.mjs demo\|test\|/);
  });

  it("waits while another command sets up the same folder", async (t) => {
    const both = [1, 2].map(() => runCommand(t, process.execPath, ["scripts/setup.mjs", "build"]));
    assert.deepEqual(await Promise.all(both.map(({ exitCode }) => exitCode)), [0, 0]);
  });

  it("says what is wrong with an old Node.js in one sentence", () => {
    const script = 'import { needNode } from "./scripts/setup/node-version.mjs"; needNode(process.argv[1]);';
    const run = (version: string) =>
      spawnSync(process.execPath, ["--input-type=module", "-e", script, version], { encoding: "utf8" });
    assert.match(run("20.18.3").stderr, /needs Node\.js 20\.19 or newer, and this is 20\.18\.3: install a newer one/);
    for (const version of ["20.19.0", "22.0.0", "100.1.0"]) assert.equal(run(version).status, 0);
  });
});

/** A test that starts a Redis, says so in the file PROBE, and never ends. */
const HANGS = `
  import { writeFileSync } from "node:fs";
  import { tmpdir } from "node:os";
  import { it } from "node:test";
  import { startRedis } from "${pathToFileURL("test/kit/redis.ts").href}";
  it("hangs", async (t) => {
    const { url } = await startRedis(t);
    writeFileSync(process.env.PROBE, JSON.stringify({ url, folder: tmpdir() }));
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  });`;

/** What Node.js is to run so that the test files which follow are run as `npm test` runs them. */
const RUNS_FILES = [
  ...["--import", "tsx", "--input-type=module", "-e"],
  `const { runTestFiles } = await import(${JSON.stringify(pathToFileURL("scripts/test/run-files.ts").href)});
  process.exitCode = await runTestFiles(process.argv.slice(1));`,
];

describe("npm test", () => {
  it("ends the servers and removes the files of tests that Ctrl-C has cut short", async (t) => {
    const folder = temporaryFolder(t);
    const [file, probe] = [path.join(folder, "hangs.mts"), path.join(folder, "probe.json")];
    writeFileSync(file, HANGS);
    const { PATH = "", HOME = "" } = process.env;
    const run = spawn(process.execPath, [...RUNS_FILES, file], {
      ...{ detached: true, stdio: "ignore", env: { PATH, HOME, PROBE: probe } },
    });
    const exited = once(run, "exit");
    t.after(() => run.kill("SIGTERM"));
    await until(() => existsSync(probe) && readFileSync(probe, "utf8") !== "", "the test did not start", 120_000);
    const started = JSON.parse(readFileSync(probe, "utf8")) as { url: string; folder: string };
    process.kill(-(run.pid ?? 0), "SIGINT"); // as a terminal does: to the whole group
    await exited;
    assert.equal(existsSync(started.folder), false, "temporary files are left");
    const redis = new Redis(started.url, { lazyConnect: true, retryStrategy: () => null });
    redis.on("error", () => undefined);
    t.after(() => {
      redis.disconnect();
    });
    await assert.rejects(redis.connect(), "the Redis server still runs");
  });

  it("fails with the name of a file that ended its process as if all were well", async (t) => {
    const file = path.join(temporaryFolder(t), "exits.mts");
    writeFileSync(file, "process.exit(0);");
    const run = runCommand(t, process.execPath, [...RUNS_FILES, file]);
    assert.equal(await run.exitCode, 1);
    assert.equal(run.stderr(), `These test files did not run to their end:\n  ${file}\n`);
  });

  it("fails with the reason why a file cannot be loaded", async (t) => {
    const file = path.join(temporaryFolder(t), "throws.mts");
    writeFileSync(file, 'throw new Error("there is no such thing");');
    const run = runCommand(t, process.execPath, [...RUNS_FILES, file]);
    assert.equal(await run.exitCode, 1);
    assert.match(run.stdout(), /✖ can be loaded.*\n +Error: there is no such thing/);
  });

  it("refuses a part that no test file has in its path", async (t) => {
    const test = runCommand(t, process.execPath, ["--import", "tsx", "scripts/test.ts", "no-such-part"]);
    assert.equal(await test.exitCode, 64);
    assert.match(test.stderr(), /^No test file's path contains no-such-part\./);
  });

  it("runs the part that it is given, and closes with the runner's summary", async (t) => {
    const test = runCommand(t, process.execPath, [
      "--import",
      "tsx",
      "scripts/test.ts",
      "test/scripts/lock-file.test.ts",
    ]);
    assert.equal(await test.exitCode, 0, test.stdout());
    assert.match(test.stdout(), /^1 test files?:$/m);
    assert.match(test.stdout(), /^ℹ pass 2$[\s\S]*^ℹ fail 0$/m);
  });
});
