import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { redisAddress } from "../../src/redis/address.js";
import { challengeNotifications } from "../../src/redis/challenge-feed.js";
import { type ConnectionRole, redisConnection } from "../../src/redis/connections.js";
import { redisTroubles } from "../../src/redis/troubles.js";
import { tryRedis } from "../../src/redis/watch-redis.js";
import { startRedis } from "../kit/redis.js";
import { until } from "../kit/until.js";

const KEYS = ["~bull:*", "~limit:*", "~countersign:*"];
const CHANNELS = ["&challenge:*", "&sessions"];

describe("K15: whoever tries Redis finds each right that is missing, and no other", () => {
  for (const [what, rules, reasons] of [
    ["all rights", [...KEYS, ...CHANNELS, "+@all"], []],
    ["no keys of the queue", [...KEYS.slice(1), ...CHANNELS, "+@all"], ["use the keys bull:*"]],
    ["no keys of the limits", ["~bull:*", "~countersign:*", ...CHANNELS, "+@all"], ["use the keys limit:*"]],
    ["no keys of its own", [...KEYS.slice(0, 2), ...CHANNELS, "+@all"], ["use the keys countersign:*"]],
    ["no channels", [...KEYS, "+@all"], ["publish to challenge:*", "subscribe to challenge:*"]],
    ["no scripts", [...KEYS, ...CHANNELS, "+@all", "-@scripting"], ["run scripts (EVAL, EVALSHA)"]],
    ["no publishing", [...KEYS, ...CHANNELS, "+@all", "-publish"], ["run PUBLISH"]],
    ["no choosing of a database", [...KEYS, ...CHANNELS, "+@all", "-select"], ["run SELECT"]],
    ["no subscribing", [...KEYS, ...CHANNELS, "+@all", "-subscribe"], ["run SUBSCRIBE"]],
  ] as const)
    it(`with ${what}`, async (t) => {
      const server = await startRedis(t);
      await server.command("ACL", "SETUSER", "app", "on", ">secret", "resetchannels", ...rules);
      const url = new URL(server.url);
      [url.username, url.password, url.pathname] = ["app", "secret", "/3"];
      const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
      const open = async (role: ConnectionRole) => {
        const redis = redisConnection(redisAddress(url.href), role, redisTroubles(log));
        t.after(() => redis.disconnect());
        await until(() => redis.status === "ready", "it did not get ready");
        return redis;
      };
      const notifications = challengeNotifications(await open("subscriber"));
      t.after(() => notifications.close());
      const causes = await tryRedis(await open("page"), [(publisher) => notifications.tryWith(publisher)]);
      assert.deepEqual(
        [...new Set(causes.map(({ reason }) => reason))],
        reasons.map((right) => `the Redis user lacks the right to ${right}`),
      );
    });
});
