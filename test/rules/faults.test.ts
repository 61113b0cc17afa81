import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { startProgram } from "../kit/program.js";

const program = await startProgram({ after }, { workers: 0 });
const SECRET = "rejection-canary-88";

/** A promise that nobody waits for fails inside the process at SIGUSR2. */
const REJECT = `
  class OddError extends Error { name = "OddError"; }
  process.on("SIGUSR2", () => { void Promise.reject(new OddError("${SECRET}")); });`;
const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(REJECT)}` };

describe("faults inside a process", () => {
  it("F23 ends a process with code 1 at a rejection that nobody handles, and logs its name alone", async () => {
    for (const part of [await program.startWeb(env), await program.startWorker(env)]) {
      process.kill(part.pid, "SIGUSR2");
      const killLater = setTimeout(() => void part.kill(), 60_000);
      assert.deepEqual(await part.exited, { code: 1, signal: null }, `the ${part.name} went on`);
      clearTimeout(killLater);
      const line = part.lines.find(({ msg }) => msg === "unhandled rejection");
      assert.equal(line?.["name"], "OddError");
      assert.equal(JSON.stringify(part.lines).includes(SECRET), false);
    }
    assert.equal((await program.openBrowser().get("/healthz")).status, 200, "another process goes on");
  });
});
