import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Redis } from "ioredis";

import { memoryProblems } from "../../src/redis/memory.js";
import { startRedis } from "../kit/redis.js";

describe("K2: the memory of Redis", () => {
  it("is well without a limit, and else told of when it is nearly full or what is in it may be thrown away", async (t) => {
    const server = await startRedis(t);
    const redis = new Redis(server.url);
    t.after(() => redis.disconnect());
    assert.deepEqual(await memoryProblems(redis), []);
    await server.command("CONFIG", "SET", "maxmemory", "1gb");
    assert.deepEqual(await memoryProblems(redis), []);
    await server.command("CONFIG", "SET", "maxmemory", "1mb");
    assert.match((await memoryProblems(redis))?.join() ?? "", /^\d{2,3} % of maxmemory \(2 MB\) is in use$/);
    await server.command("CONFIG", "SET", "maxmemory", "0");
    await server.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
    assert.match((await memoryProblems(redis))?.join() ?? "", /^maxmemory-policy is volatile-lru, /);
  });

  it("is not known where the user may not ask, and an error where nobody answers", async (t) => {
    const server = await startRedis(t);
    await server.command("ACL", "SETUSER", "app", "on", ">secret", "+@all", "-info");
    const url = new URL(server.url);
    [url.username, url.password] = ["app", "secret"];
    const redis = new Redis(url.href, { enableReadyCheck: false, enableOfflineQueue: false });
    redis.on("error", () => undefined);
    t.after(() => redis.disconnect());
    await new Promise((resolve) => redis.once("ready", resolve));
    assert.equal(await memoryProblems(redis), null);
    await server.kill();
    await assert.rejects(memoryProblems(redis));
  });
});
