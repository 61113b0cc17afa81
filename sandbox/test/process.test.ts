import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, it } from "node:test";
import { loadSettings, SettingsError } from "../settings.js";
import { runSandbox } from "./running.js";

const folder = mkdtempSync(join(tmpdir(), "sandbox-"));
const started = new Set<ChildProcess>();
after(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

function start(env: Record<string, string>): ChildProcess {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, ["--import", "tsx", "sandbox/main.ts"], {
    env: { PATH, ...env },
    stdio: "pipe",
  });
  started.add(child);
  child.once("exit", () => started.delete(child));
  return child;
}

async function ended(child: ChildProcess): Promise<{ code: number | null; errors: string }> {
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, errors };
}

describe("the settings", () => {
  it("name every problem at once, each with an example", () => {
    const env = { SANDBOX_PORT: "many", SANDBOX_CALLBACK_URL: "ftp://x", SANDBOX_APP_ID: "me", LOG_LEVEL: "loud" };
    assert.throws(
      () => loadSettings(env),
      (error: unknown) => {
        if (!(error instanceof SettingsError)) return false;
        const named = error.problems.map((problem) => problem.split(" ")[0]);
        assert.deepEqual(named.sort(), [
          "LOG_LEVEL",
          "SANDBOX_API_KEY",
          "SANDBOX_APP_ID",
          "SANDBOX_CALLBACK_URL",
          "SANDBOX_PORT",
        ]);
        for (const problem of error.problems) assert.match(problem, /for example [A-Z_]+=\S+/);
        return true;
      },
    );
  });

  it("have the documented defaults", () => {
    assert.equal(
      loadSettings({ SANDBOX_API_KEY: " k\r\n" }).apiKey,
      "k",
      "blanks and line ends around count for nothing",
    );
    const { host, port, callbackUrl, statePath, logLevel } = loadSettings({ SANDBOX_API_KEY: "k" });
    assert.deepEqual(
      { host, port, callbackUrl, statePath, logLevel },
      { host: "127.0.0.1", port: 4001, callbackUrl: null, statePath: null, logLevel: "info" },
    );
  });
});

describe("the process", () => {
  it("exits with 78 and says what to correct when the environment is wrong", async () => {
    const { code, errors } = await ended(start({ SANDBOX_PORT: "70000" }));
    assert.equal(code, 78);
    assert.match(errors, /SANDBOX_API_KEY is missing/);
    assert.match(errors, /SANDBOX_PORT must be/);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const)
    it(`says where it listens in one line of JSON, and ends with 0 soon after ${signal}, an open stream or not`, async () => {
      const child = start({ SANDBOX_API_KEY: "k", SANDBOX_PORT: "0" });
      const url = await listening(child);
      const stream = await fetch(`${url}/phone/events`);
      const end = ended(child);
      const from = performance.now();
      child.kill(signal);
      assert.equal((await end).code, 0);
      const tookMs = performance.now() - from;
      assert.ok(tookMs < 5_000, `it took ${tookMs} ms`);
      await stream.body?.cancel().catch(() => undefined);
    });

  it("exits with 78 when the state file is not one, and leaves it alone", async () => {
    const path = join(folder, "notes.txt");
    writeFileSync(path, "shopping: milk");
    const { code, errors } = await ended(start({ SANDBOX_API_KEY: "k", SANDBOX_PORT: "0", SANDBOX_STATE: path }));
    assert.equal(code, 78);
    assert.match(errors, /SANDBOX_STATE/);
    assert.equal(readFileSync(path, "utf8"), "shopping: milk");
  });

  it("exits with 1 when the port is in use", async () => {
    const { url } = await runSandbox();
    const { code } = await ended(start({ SANDBOX_API_KEY: "k", SANDBOX_PORT: new URL(url).port }));
    assert.equal(code, 1);
  });
});

describe("the state", () => {
  it("is lost with the process unless a file keeps it", async () => {
    const statePath = join(folder, "kept", "sandbox.json");
    const first = await runSandbox({ statePath });
    const authyId = await first.scan("42", "Asha");
    const uuid = await first.ask(authyId);
    const code = await first.code(authyId);
    await first.call("GET", `/protected/json/verify/${code}/${authyId}`);
    await first.close();
    assert.equal(statSync(statePath).mode & 0o777, 0o600, "it holds the secrets of codes");

    const second = await runSandbox({ statePath });
    assert.equal(
      (await second.call("GET", "/protected/json/registrations/status?custom_user_id=42")).at("registration.authy_id"),
      authyId,
    );
    assert.equal((await second.call("GET", `/protected/json/verify/${code}/${authyId}`)).at("error_code"), "60019");
    assert.equal(
      (await second.call("POST", `/phone/requests/${uuid}`, { action: "approve" })).at("status"),
      "approved",
    );
    assert.equal(await second.scan("43", "Asha"), authyId, "the same phone");
    await second.close();

    const third = await runSandbox();
    assert.equal((await third.call("GET", "/protected/json/registrations/status?custom_user_id=42")).status, 404);
  });

  it("is never half a file, even when the process is killed while it writes", async () => {
    const path = join(folder, "killed.json");
    for (let turn = 0; turn < 3; turn++) {
      const child = start({ SANDBOX_API_KEY: "k", SANDBOX_PORT: "0", SANDBOX_STATE: path });
      const url = await listening(child);
      const end = ended(child);
      const work = (async (): Promise<void> => {
        for (;;)
          await fetch(`${url}/phone/phones`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: "{}",
          });
      })().catch(() => undefined);
      while (!existsSync(path)) await sleep(5);
      await sleep(100);
      child.kill("SIGKILL");
      await Promise.all([end, work]);
      JSON.parse(readFileSync(path, "utf8"));
    }
  });
});

async function listening(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const entry = JSON.parse(line) as { msg: string; url: string };
    if (entry.msg === "sandbox listening") return entry.url;
  }
  throw new Error("it ended before it listened");
}
