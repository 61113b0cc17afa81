import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { before, describe, it, type TestContext } from "node:test";
import got from "got";
import { Redis } from "ioredis";
import { choosePorts } from "../../scripts/demo/addresses.js";
import type { StoryReport } from "../../scripts/demo/timeline.js";
import { openBrowser } from "../kit/browser.js";
import { ensureBuilt } from "../kit/built.js";
import { type RunningCommand, runCommand } from "../kit/command.js";
import { startRedis } from "../kit/redis.js";
import { tellPhoneStory } from "../kit/story.js";

const READY = "Ctrl-C stops";

interface DemoSettings {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Through npm, as people start it. */
  readonly throughNpm?: boolean;
  readonly dataFolder?: string;
}

function startDemo(t: TestContext, settings: DemoSettings = {}): RunningCommand {
  const { args = [], throughNpm = false, dataFolder = temporaryFolder(t) } = settings;
  const env = { DEMO_DATA: dataFolder, ARGON2_TEST_STRENGTH: "true", LOGIN_FLOOR_MS: "0", ...settings.env };
  return throughNpm
    ? runCommand(t, "npm", ["run", "demo", "--", ...args], env)
    : runCommand(t, process.execPath, ["scripts/setup.mjs", "demo", ...args], env);
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-demo-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function reportOf(demo: RunningCommand): StoryReport {
  return JSON.parse(demo.stdout()) as StoryReport;
}

function settlers(report: StoryReport): string[] {
  return report.steps.flatMap(({ settledBy }) => settledBy ?? []);
}

function address(demo: RunningCommand, name: "Website" | "Phone"): string {
  const found = new RegExp(`${name} +(http://localhost:\\d+)`).exec(demo.stdout())?.[1];
  assert.ok(found, `no address of the ${name} in:\n${demo.stdout()}`);
  return found;
}

function workerOf(dataFolder: string): number {
  const [line = "{}"] = readFileSync(path.join(dataFolder, "logs", "worker.log"), "utf8").split("\n");
  return (JSON.parse(line) as { pid: number }).pid;
}

function parentOf(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (existsSync(status)) return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(status, "utf8"))?.[1]);
  return Number(spawnSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).stdout);
}

function gitStatus(): string {
  return spawnSync("git", ["status", "--porcelain"], { encoding: "utf8" }).stdout;
}

describe("npm run demo -- --once", () => {
  before(ensureBuilt);

  it("tells the whole story with the approvals settled by callbacks, and leaves nothing behind", async (t) => {
    const dataFolder = temporaryFolder(t);
    const tree = gitStatus();
    // So late that only callbacks can have settled anything, on however slow a machine.
    const env = { POLL_FIRST_MS: "60000", POLL_REGISTRATION_MS: "60000" };
    const demo = startDemo(t, { args: ["--once", "--json"], dataFolder, env });
    assert.equal(await demo.exitCode, 0, demo.stderr());
    const report = reportOf(demo);
    assert.equal(report.ok, true);
    assert.match(report.redis, /^(redis|valkey)-server, private/);
    assert.deepEqual(settlers(report), ["webhook", "callback", "callback"]);
    assert.ok(report.steps.every(({ ms }) => Number.isInteger(ms)));
    assert.deepEqual(await demo.leftProcesses(), []);
    assert.deepEqual(readdirSync(dataFolder), []);
    assert.equal(gitStatus(), tree);
  });

  it("tells of two applications: the sign-in to the first carries over, and signing out ends both", async (t) => {
    const demo = startDemo(t, { args: ["--once", "--app", "--json"] });
    assert.equal(await demo.exitCode, 0, demo.stderr());
    const report = reportOf(demo);
    assert.equal(report.ok, true);
    assert.deepEqual(
      report.steps.slice(-8).map(({ step }) => step),
      [
        ...["open the application behind the gate", "sign in with the password", "approve: the phone names it"],
        ...["finish signing in", "go on to the application", "open the second: no other sign-in", "sign out"],
        "both applications are closed",
      ],
    );
    assert.deepEqual(await demo.leftProcesses(), []);
  });

  it("has the approvals settled by the poller when callbacks are dropped, with the Redis that REDIS_URL names", async (t) => {
    const { url } = await startRedis(t);
    const demo = startDemo(t, { args: ["--once", "--no-callbacks", "--json"], env: { REDIS_URL: url } });
    assert.equal(await demo.exitCode, 0, demo.stderr());
    assert.deepEqual(settlers(reportOf(demo)), ["poll", "poll", "poll"]);
    assert.equal(reportOf(demo).redis, "the one that REDIS_URL names");
    const redis = new Redis(url);
    assert.equal(await redis.ping(), "PONG", "the demo has left it running");
    redis.disconnect();
  });

  it("brings its own Redis where there is none, which serves the poller too, and says that it is in memory", async (t) => {
    const demo = startDemo(t, { args: ["--once", "--no-callbacks"], env: { PATH: temporaryFolder(t) } });
    assert.equal(await demo.exitCode, 0, demo.stderr());
    assert.match(demo.stdout(), /Redis +embedded, in memory: .*\(no redis-server or valkey-server on PATH\)/);
    assert.match(demo.stdout(), /^ *\d+ ms {2}approve on the phone +settled by poll$/m);
    assert.match(demo.stdout(), /The whole story worked, in \d+\.\d s\./);
    assert.deepEqual(await demo.leftProcesses(), []);
  });

  it("says which step failed and why, exits with 1, and keeps the logs", async (t) => {
    const dataFolder = temporaryFolder(t);
    const args = ["--once", "--redis", "embedded"];
    const demo = startDemo(t, { args, env: { PASSWORD_MIN_LENGTH: "60" }, dataFolder });
    assert.equal(await demo.exitCode, 1);
    assert.match(demo.stdout(), /Redis +embedded, in memory: .*\(as asked for\)/);
    assert.match(demo.stdout(), /The story failed: "register" failed: \/register answers 422/);
    const [story = ""] = readdirSync(dataFolder);
    const logs = ["migrate.log", "sandbox.log", "web.log", "worker.log"];
    assert.deepEqual(readdirSync(path.join(dataFolder, story, "logs")).sort(), logs);
    assert.deepEqual(await demo.leftProcesses(), []);
  });

  it("names the setting that is wrong and exits with 78", async (t) => {
    const demo = startDemo(t, { args: ["--once"], env: { APPROVAL_TTL_SECONDS: "soon" } });
    assert.equal(await demo.exitCode, 78);
    assert.match(demo.stderr(), /APPROVAL_TTL_SECONDS/);
    assert.deepEqual(await demo.leftProcesses(), []);
  });

  it("refuses options that it doesn't have, before it does anything", async (t) => {
    for (const args of [["--twice"], ["--redis", "cloud"], ["--json"], ["--factor", "totp"], ["--app"], ["now"]]) {
      const demo = startDemo(t, { args });
      assert.equal(await demo.exitCode, 64);
      assert.match(demo.stderr(), /See --help\.\n$/);
    }
    const help = startDemo(t, { args: ["--help"] });
    assert.equal(await help.exitCode, 0);
    assert.match(help.stdout(), /--no-callbacks/);
  });
});

describe("npm run demo", () => {
  before(ensureBuilt);

  it("takes the next free ports and another folder beside one that runs; SIGINT to npm, or SIGTERM, ends its own", async (t) => {
    const dataFolder = temporaryFolder(t);
    const first = startDemo(t, { dataFolder });
    await first.waitForText(READY);
    const second = startDemo(t, { dataFolder, throughNpm: true });
    await second.waitForText(READY);
    assert.notEqual(address(first, "Website"), address(second, "Website"));
    assert.notEqual(address(first, "Phone"), address(second, "Phone"));
    assert.ok(second.stdout().includes(path.join(dataFolder, "demo-2", "logs")));
    assert.equal((await got(`${address(second, "Website")}/readyz`)).statusCode, 200);
    const site = address(first, "Website");
    assert.ok(first.stdout().includes(`${site}/phone/`));
    const who = { username: "ada", email: "ada@example.com", password: "violet harbour lantern nine" };
    await tellPhoneStory({ browser: openBrowser(site), settledBy: () => Promise.resolve("somebody") }, who);
    await first.waitForText("web: registration completed, settled by person");
    await first.waitForText("web: approval approved, settled by callback");
    second.signal("SIGINT");
    assert.equal(await second.exitCode, 0, second.stderr());
    assert.equal((await got(`${address(first, "Website")}/readyz`)).statusCode, 200);
    assert.equal((await got(`${address(first, "Phone")}/phone/requests`)).statusCode, 200);
    first.signal("SIGTERM");
    assert.equal(await first.exitCode, 0, first.stderr());
    assert.deepEqual([...(await first.leftProcesses()), ...(await second.leftProcesses())], []);
  });

  it("goes on with the Redis of one that was killed with its parent, and leaves nothing when it is killed itself", async (t) => {
    const dataFolder = temporaryFolder(t);
    const first = startDemo(t, { dataFolder });
    await first.waitForText(READY);
    const demo = parentOf(workerOf(dataFolder));
    process.kill(first.pid, "SIGSTOP"); // so that it cannot end what its child has started
    process.kill(demo, "SIGKILL");
    process.kill(first.pid, "SIGKILL");
    await first.exitCode;
    const second = startDemo(t, { dataFolder });
    await second.waitForText(READY);
    assert.match(second.stdout(), /still running since a demo was killed/);
    process.kill(parentOf(workerOf(dataFolder)), "SIGKILL");
    assert.equal(await second.exitCode, 137);
    assert.deepEqual(await second.leftProcesses(), []);
    assert.deepEqual(
      (await first.leftProcesses()).filter((command) => command.includes("redis")),
      [],
    );
  });

  it("leaves nothing behind when npm is killed outright", async (t) => {
    const demo = startDemo(t, { throughNpm: true });
    await demo.waitForText(READY);
    demo.signal("SIGKILL");
    await demo.exitCode;
    assert.deepEqual(await demo.leftProcesses(), []);
  });

  it("stops with the reason when one of its processes dies", async (t) => {
    const dataFolder = temporaryFolder(t);
    const demo = startDemo(t, { dataFolder });
    await demo.waitForText(READY);
    process.kill(workerOf(dataFolder), "SIGKILL");
    assert.equal(await demo.exitCode, 1);
    assert.match(demo.stderr(), /^worker ended by SIGKILL\. Its last lines:\n(?: {2}.*\n)*? {2}worker ready$/m);
    assert.deepEqual(await demo.leftProcesses(), []);
  });

  it("refuses a port that was asked for and is taken", async (t) => {
    const taken = createServer().listen(0, "127.0.0.1");
    t.after(() => taken.close());
    await new Promise((resolve) => taken.once("listening", resolve));
    const bound = taken.address();
    assert.ok(bound !== null && typeof bound === "object");
    const demo = startDemo(t, { env: { PORT: String(bound.port) } });
    assert.equal(await demo.exitCode, 1);
    assert.match(demo.stderr(), new RegExp(`^Port ${bound.port} is taken by another program`, "m"));
    assert.deepEqual(await demo.leftProcesses(), []);
  });

  it("refuses a port that is none", async () => {
    await assert.rejects(
      choosePorts({ SANDBOX_PORT: "http" }),
      /^Error: SANDBOX_PORT must be a port from 1 to 65535, not "http"/,
    );
  });
});
