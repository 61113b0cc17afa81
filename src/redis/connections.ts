import { type Callback, Cluster, Redis, type RedisOptions } from "ioredis";

import type { RedisAddress } from "./address.js";
import { causeOf } from "./causes.js";
import type { Troubles } from "./troubles.js";

const comeBack = (tries: number): number => Math.min(50 * tries, 1000);

const ROLES = {
  /** Fails fast: a page must not hang because Redis does not answer. */
  page: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 400, connectTimeout: 1000 },
  /** For adding jobs, which takes a script. */
  producer: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 1000, connectTimeout: 1000 },
  /** Waits for ever, comes back fast. Not `socketTimeout`: its timer outlives a reconnect and ends the new connection. */
  worker: { maxRetriesPerRequest: null, connectTimeout: 2000, keepAlive: 10_000 },
  /** In subscriber mode the ready check fails. It subscribes by itself: a refusal in ioredis's own way ends the process. */
  subscriber: { enableReadyCheck: false, autoResubscribe: false, maxRetriesPerRequest: null, connectTimeout: 1000 },
} satisfies Record<string, RedisOptions>;

export type ConnectionRole = keyof typeof ROLES;

/** By these a server says that it is the wrong one, or not ready: its address may lead to another one by now. */
const ELSEWHERE = /^(READONLY|LOADING|MASTERDOWN)/;
const LOOK_ELSEWHERE_EVERY_MS = 1000;

/**
 * Opens a connection for one role. Never throws: a Redis that is away is tried again for ever.
 *
 * @param address - As `redisAddress` gives it.
 */
export function redisConnection(address: RedisAddress, role: ConnectionRole, troubles: Troubles): Redis {
  const { nodes, ...each } = address;
  const redis = nodes === undefined ? toServer(each, role) : toCluster(nodes, each, role);
  redis.on("error", (error: Error) => {
    troubles.meet(role, [causeOf(error)]);
  });
  redis.on("ready", () => {
    troubles.over(role);
  });
  return redis;
}

function toServer(address: RedisOptions, role: ConnectionRole): Redis {
  const options = { ...address, ...ROLES[role], retryStrategy: comeBack, maxLoadingRetryTime: 1000 };
  return tolerant(new Redis({ ...options, reconnectOnError: lookElsewhere() }));
}

/** For what is used here a connection to a Cluster is as one to a server: each script has one key, or keys of one slot. */
function toCluster(nodes: NonNullable<RedisAddress["nodes"]>, each: RedisOptions, role: ConnectionRole): Redis {
  const isPatient = role === "worker" || role === "subscriber";
  const cluster = new Cluster([...nodes], {
    redisOptions: { ...each, ...ROLES[role] },
    enableOfflineQueue: isPatient,
    clusterRetryStrategy: comeBack,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    maxRedirections: isPatient ? 100 : 4,
    // With TLS a certificate is for the name that the Cluster tells, not for the address behind it.
    ...(each.tls === undefined ? {} : { dnsLookup: (name, found) => found(null, name) }),
  });
  return cluster as unknown as Redis;
}

/** Whether to connect anew after an error; seldom, so that a server which stays a replica is not stormed. */
function lookElsewhere(): (error: Error) => boolean {
  let lookedAt = -Infinity;
  return ({ message }) => {
    const now = performance.now();
    if (!ELSEWHERE.test(message) || now - lookedAt < LOOK_ELSEWHERE_EVERY_MS) return false;
    lookedAt = now;
    return true;
  };
}

/**
 * Takes a user who may not ask INFO. INFO is asked by ioredis before it calls a connection ready, and by BullMQ for the
 * version, which stops for ever when that is refused. HELLO, which nobody can be denied, knows the version too.
 */
function tolerant(redis: Redis): Redis {
  const info = redis.info.bind(redis);
  const duplicate = redis.duplicate.bind(redis);
  const ask = async (): Promise<string> => {
    try {
      const text = await info();
      // ioredis waits for this without a word.
      if (/^loading:1/m.test(text)) redis.emit("error", new Error("LOADING"));
      return text;
    } catch (error) {
      if (!/^(NOPERM|ERR unknown command)/.test((error as Error).message)) throw error;
      const hello = (await redis.call("HELLO")) as unknown[];
      return `redis_version:${String(hello[hello.indexOf("version") + 1])}`;
    }
  };
  return Object.assign(redis, {
    async info(callback?: Callback<string>): Promise<string | undefined> {
      if (callback === undefined) return ask();
      // ioredis's own ready check.
      await ask().then(
        (text) => {
          callback(null, text);
        },
        (error: unknown) => {
          callback(error as Error);
        },
      );
      return undefined;
    },
    duplicate: (override?: Partial<RedisOptions>) =>
      tolerant(duplicate({ ...override, reconnectOnError: lookElsewhere() })),
  });
}
