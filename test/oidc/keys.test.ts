import assert from "node:assert/strict";
import { it } from "node:test";

import { openKey, publishNextKeys, renewKeys } from "../../src/oidc/keys.js";
import { at, onBothDatabases } from "../database/both.js";

const DAY_MS = 86_400_000;
const TIMES = { keySeconds: 90 * 86_400, tokenSeconds: 600 };
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

onBothDatabases("signing keys", (store) => {
  const when = (ms: number) => ({ signingKeys: store().signingKeys, log, now: () => at(ms) });
  const states = async () =>
    (await store().signingKeys.list()).filter(({ algorithm }) => algorithm === "RS256").map(({ state }) => state);

  it("R49 are made once by processes that start together, and sealed", async () => {
    await Promise.all([1, 2, 3].map(() => renewKeys(when(0), ["a key"], TIMES)));
    const keys = await store().signingKeys.list();
    assert.deepEqual(
      keys.map(({ algorithm, state }) => `${algorithm} ${state}`),
      ["RS256 current", "ES256 current"],
    );
    assert.ok(
      keys.every((key) => openKey(key, ["another key", "a key"]) !== null && openKey(key, ["foreign"]) === null),
    );
    assert.ok(keys.every(({ publicKey, sealed }) => !publicKey.includes('"d"') && !sealed.includes("PRIVATE")));
  });

  it("R49 are published for a day before they sign, and stay until the last token has ended", async () => {
    const [first] = await store().signingKeys.list();
    await renewKeys(when(88 * DAY_MS), ["a key"], TIMES);
    assert.deepEqual(await states(), ["current"]);
    await renewKeys(when(89 * DAY_MS), ["a key"], TIMES);
    assert.deepEqual(await states(), ["current", "next"]);
    await renewKeys(when(90 * DAY_MS - 1), ["a key"], TIMES);
    assert.deepEqual(await states(), ["current", "next"]);
    await renewKeys(when(90 * DAY_MS), ["a key"], TIMES);
    assert.deepEqual(await states(), ["current", "retired"]);
    assert.notEqual((await store().signingKeys.list())[0]?.kid, first?.kid);
    await renewKeys(when(90 * DAY_MS + 600_000), ["a key"], TIMES);
    assert.deepEqual(await states(), ["current", "retired"]);
    await renewKeys(when(90 * DAY_MS + 900_000), ["a key"], TIMES);
    assert.deepEqual(await states(), ["current"]);
  });

  it("R49 change at once where an operator says so", async () => {
    const [before] = await store().signingKeys.list();
    assert.equal(await publishNextKeys(when(100 * DAY_MS), ["a key"]), true);
    assert.equal(await publishNextKeys(when(100 * DAY_MS), ["a key"]), false);
    await Promise.all([1, 2].map(() => renewKeys(when(100 * DAY_MS), ["a key"], TIMES, true)));
    const [after] = await store().signingKeys.list();
    assert.notEqual(after?.kid, before?.kid);
    assert.equal((await states()).filter((state) => state === "current").length, 1);
  });

  it("R49 that no present key of ours opens give their place to others", async () => {
    await renewKeys(when(101 * DAY_MS), ["quite another key"], TIMES);
    const current = (await store().signingKeys.list()).filter(({ state }) => state === "current");
    assert.equal(current.length, 2);
    assert.ok(current.every((key) => openKey(key, ["quite another key"]) !== null));
  });
});
