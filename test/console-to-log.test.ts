import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";

import { consoleToLog } from "../src/console-to-log.js";

/** What the log is told from now on; the console is as before after the test. */
function listen(t: TestContext): string[] {
  const said: string[] = [];
  const warn = ({ text }: Readonly<Record<string, unknown>>): void => {
    said.push(String(text));
  };
  const before = { ...console };
  const warners = process.listeners("warning");
  t.after(() => {
    Object.assign(console, before);
    process.removeAllListeners("warning");
    for (const each of warners) process.on("warning", each);
  });
  consoleToLog({ info: warn, warn, error: warn });
  return said;
}

describe("K17: the console of a process", () => {
  it("is the log, in one line of chosen words, the same ones once", (t) => {
    const said = listen(t);
    for (let n = 0; n < 5; n++) console.warn("It is highly\n  recommended", 5);
    console.error(Object.assign(new TypeError("broken"), { apiKey: "secret" }));
    console.log({ apiKey: "secret" }, ["secret"], null);
    assert.deepEqual(said, ["It is highly recommended 5", "TypeError: broken", "object object object"]);
  });

  it("is not flooded, and keeps nothing long", (t) => {
    const said = listen(t);
    console.error("x".repeat(10_000));
    assert.ok((said[0] ?? "").length <= 200);
  });

  it("takes Node.js's own warnings too", async (t) => {
    const said = listen(t);
    process.emitWarning("too many listeners", "MaxListenersExceededWarning");
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(said, ["MaxListenersExceededWarning: too many listeners"]);
  });
});
