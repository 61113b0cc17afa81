import assert from "node:assert/strict";
import { it } from "node:test";
import { setImmediate as nextLoop, setTimeout as wait } from "node:timers/promises";

import { Busy } from "../../src/domain/errors.js";
import { type Context } from "../../src/http/context.js";
import { shedLoad } from "../../src/http/middleware/shed-load.js";

it("B2: refuses new work while the event loop is late, and goes on with what is under way", async () => {
  const shed = shedLoad(100);
  const passes = async (method: string, path: string): Promise<boolean> => {
    try {
      await shed({ method, path } as Context, () => Promise.resolve());
      return true;
    } catch (error) {
      assert.ok(error instanceof Busy, "busy is the only reason to refuse");
      return false;
    }
  };
  assert.equal(await passes("POST", "/login"), true);
  for (let rounds = 0; rounds < 100 && (await passes("POST", "/login")); rounds += 1) {
    const busyUntil = performance.now() + 300;
    while (performance.now() < busyUntil);
    await nextLoop();
  }
  assert.equal(await passes("POST", "/login"), false);
  assert.equal(await passes("POST", "/register"), false);
  assert.equal(await passes("GET", "/login"), true);
  assert.equal(await passes("POST", "/login/approval/finish"), true);
  assert.equal(await passes("POST", "/login/code"), true);
  assert.equal(await passes("GET", "/challenges/abc/events"), true);
  for (let tries = 0; tries < 300 && !(await passes("POST", "/login")); tries += 1) await wait(100);
  assert.equal(await passes("POST", "/login"), true, "and takes it again when it has caught up");
});
