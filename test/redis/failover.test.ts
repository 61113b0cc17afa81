import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Redis } from "ioredis";

import { redisAddress } from "../../src/redis/address.js";
import { redisConnection } from "../../src/redis/connections.js";
import { redisTroubles } from "../../src/redis/troubles.js";
import { startRedis, type TestRedis } from "../kit/redis.js";
import { startRelay } from "../kit/relay.js";
import { until } from "../kit/until.js";

interface Refusal {
  readonly refuse: (server: TestRedis) => Promise<unknown>;
  /** What is refused: a replica takes no writes, and one that has lost its primary answers nothing else either. */
  readonly ask: (redis: Redis) => Promise<unknown>;
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  "a replica": {
    refuse: (server) => server.command("REPLICAOF", "127.0.0.1", "1"),
    ask: (redis) => redis.set("key", "1"),
  },
  "a replica that has lost its primary": {
    async refuse(server) {
      await server.command("CONFIG", "SET", "replica-serve-stale-data", "no");
      await server.command("REPLICAOF", "127.0.0.1", "1");
    },
    ask: (redis) => redis.get("key"),
  },
};

describe("K2: a connection whose server has become", () => {
  for (const [what, { refuse, ask }] of Object.entries(REFUSALS))
    it(`${what} follows the name to the new primary`, async (t) => {
      const [former, next] = [await startRedis(t), await startRedis(t)];
      const portOf = ({ url }: TestRedis): number => Number(new URL(url).port);
      // One password, as of one service.
      const { password } = new URL(former.url);
      await next.command("CONFIG", "SET", "requirepass", password);
      const relay = await startRelay(t, portOf(former));
      const address = redisAddress(`redis://:${password}@127.0.0.1:${relay.port}`);
      const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
      const redis = redisConnection(address, "page", redisTroubles(log));
      t.after(() => redis.disconnect());
      const isAnswered = () =>
        ask(redis).then(
          () => true,
          () => false,
        );
      await until(isAnswered, "nothing was answered at first");
      await refuse(former);
      assert.equal(await isAnswered(), false);
      relay.leadTo(portOf(next));
      await until(isAnswered, "the new primary answered nothing", 10_000);
      assert.match(String(await redis.call("INFO", "server")), new RegExp(`tcp_port:${portOf(next)}`));
    });
});
