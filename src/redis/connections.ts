import { Redis, type RedisOptions } from "ioredis";

import { type Log } from "../domain/deps.js";

const comeBack = (tries: number): number => Math.min(50 * tries, 1000);

const ROLES = {
  /** Fails fast: a page must not hang because a bell cannot be rung. */
  page: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 400, connectTimeout: 1000 },
  /** For adding jobs, which takes a script. */
  producer: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 1000, connectTimeout: 1000 },
  /** Waits for ever, comes back fast. Not `socketTimeout`: its timer outlives a reconnect and ends the new connection. */
  worker: { maxRetriesPerRequest: null, connectTimeout: 2000, keepAlive: 10_000 },
  /** In subscriber mode the ready check fails. */
  subscriber: { enableReadyCheck: false, maxRetriesPerRequest: null, connectTimeout: 1000 },
} satisfies Record<string, RedisOptions>;

/**
 * Opens a connection for one role. Never throws: a Redis that is away is tried again for ever.
 *
 * @param address - As `redisAddress` reads it.
 */
export function redisConnection(address: RedisOptions, role: keyof typeof ROLES, log: Log): Redis {
  const redis = new Redis({ ...address, ...ROLES[role], retryStrategy: comeBack });
  let isAway = false;
  redis.on("error", (error: Error) => {
    if (!isAway) log.warn({ role, reason: error.message.slice(0, 120) }, "Redis is away");
    isAway = true;
  });
  redis.on("ready", () => {
    if (isAway) log.info({ role }, "Redis is back");
    isAway = false;
  });
  return redis;
}
