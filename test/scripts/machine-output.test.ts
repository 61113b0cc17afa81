import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, it, type TestContext } from "node:test";

import { runCommand } from "../kit/command.js";
import { freePort } from "../kit/ports.js";
import { startProgram } from "../kit/program.js";

const program = await startProgram({ after }, { workers: 0 });
const person = { username: "reader", email: "reader@example.com", password: "correct horse battery" };
const browser = program.openBrowser();
await browser.submit(await browser.visit("/register"), "/register", person);

/** What a command prints for machines, when it is run as the documents write it. */
async function printed(t: TestContext, line: string, env: Readonly<Record<string, string>> = {}) {
  const command = runCommand(t, "sh", ["-c", line], { ...program.env, ...env });
  const code = await command.exitCode;
  return { code, out: command.stdout(), err: command.stderr() };
}

describe("K17 output for machines", () => {
  it("of `npm run admin -- user list --json` is JSON and nothing else", async (t) => {
    const { code, out, err } = await printed(t, "npm run admin -- user list --json");
    assert.equal(code, 0, err);
    assert.doesNotThrow(() => JSON.parse(out), out.slice(0, 200));
  });

  it("is JSON and nothing else when the command exits with 1", async (t) => {
    const wrongKey = { AUTHY_PRODUCTION_API_KEY: "another-key-than-the-right-one" };
    const { code, out } = await printed(t, "npm run admin -- doctor --json", wrongKey);
    assert.equal(code, 1);
    assert.doesNotThrow(() => JSON.parse(out), out.slice(0, 200));
  });

  const processes = new Map(
    readFileSync("Procfile", "utf8")
      .trim()
      .split("\n")
      .map((line) => {
        const [name = "", ...command] = line.split(": ");
        return [name, command.join(": ")] as const;
      }),
  );

  it("is not asked of the Procfile's release, which has its exit code", async (t) => {
    const { code, err } = await printed(t, processes.get("release") ?? "false");
    assert.equal(code, 0, err);
  });

  for (const [name, ready] of [
    ["web", "listening"],
    ["worker", "worker ready"],
  ] as const)
    it(`of the Procfile's ${name} is one JSON object a line, from the start to the end by SIGTERM`, async (t) => {
      const env = { ...program.env, PORT: String(await freePort()), DRAIN_WAIT_MS: "0" };
      const command = runCommand(t, "sh", ["-c", `exec ${processes.get(name) ?? "false"}`], env);
      await command.waitForText(ready);
      command.signal("SIGTERM");
      assert.equal(await command.exitCode, 0, command.stderr());
      const lines = command.stdout().trim().split("\n");
      assert.ok(lines.length >= 2);
      for (const each of lines) assert.equal(typeof (JSON.parse(each) as { msg?: unknown }).msg, "string");
    });
});
