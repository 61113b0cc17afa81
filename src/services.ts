import { type Redis } from "ioredis";
import { pino } from "pino";
import { setTimeout as wait } from "node:timers/promises";
import { DataSource } from "typeorm";

import { authyClient } from "./providers/authy/client.js";
import { authyProvider } from "./providers/authy/provider.js";
import { type Config } from "./config.js";
import { databaseClock } from "./database/clock.js";
import { connect, dataSourceOptions } from "./database/data-source.js";
import { driverErrorOf } from "./database/errors.js";
import { databaseRows } from "./database/rows.js";
import { type Deps, type Log } from "./domain/deps.js";
import { pushWords } from "./http/push-words.js";
import { loadText } from "./http/text.js";
import { passwords } from "./passwords.js";
import { pollQueue } from "./queue/poll-queue.js";
import { challengeFeed } from "./redis/challenge-feed.js";
import { type ConnectionRole, redisConnection } from "./redis/connections.js";
import { redisTroubles, type Troubles } from "./redis/troubles.js";
import { type RedisWatch, watchRedis } from "./redis/watch-redis.js";

/** What both processes are made of. */
export interface Services {
  readonly deps: Deps;
  readonly database: DataSource;
  /** Fails fast; for pages, limits and notifications. */
  readonly redis: Redis;
  readonly redisWatch: RedisWatch;
  readonly redisTroubles: Troubles;
  /** One more connection to the same Redis. */
  connectRedis(role: ConnectionRole): Redis;
  readonly queue: ReturnType<typeof pollQueue>;
  /** False until the database was opened for the first time: before that nothing can be asked of it. */
  isOpen(): boolean;
  sessionsEnded(): Promise<void>;
  close(): Promise<void>;
}

/** JSON lines on standard output; only fields that we chose ever reach it. */
export function createLog(level: Config["logLevel"], name: string): Log {
  const options = { level, base: { process: name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  // Written at once: pino's buffered form waits for ever at exit when the reader of the log has gone away.
  return pino(options, pino.destination({ dest: 1, sync: true }));
}

const RETRY_DATABASE_MS = 300;

/** Builds the services and waits until its database is open. @throws what the database says, once `isStopped`. */
export async function openServices(
  config: Config,
  log: Log,
  isStopped: () => boolean = () => false,
): Promise<Services> {
  const services = createServices(config, log);
  await services.open(isStopped);
  return services;
}

/**
 * Builds the services; the only place that knows all rooms. Its database is not open yet: `open` waits for one that is
 * away, since a process starts with anything missing and heals alone.
 */
export function createServices(config: Config, log: Log): Services & { open(isStopped: () => boolean): Promise<void> } {
  const database = new DataSource(dataSourceOptions(config.databaseUrl, { poolSize: config.databasePoolSize }));
  let isOpen = false;
  const troubles = redisTroubles(log);
  const connectRedis = (role: ConnectionRole): Redis => redisConnection(config.redis, role, troubles);
  const redis = connectRedis("page");
  const redisWatch = watchRedis(redis, troubles);
  const producer = connectRedis("producer");
  const clock = databaseClock(database);
  const queue = pollQueue(producer, clock.now, (error) => {
    troubles.failed("queue", error, "use the keys bull:*");
  });
  const feed = challengeFeed(redis, troubles);
  const adjusting = setInterval(() => {
    if (isOpen) void clock.adjust().catch(() => undefined);
  }, 60_000);
  adjusting.unref();
  const rows = databaseRows(database);
  const deps: Deps = {
    ...rows,
    now: clock.now,
    settings: config.rules,
    log,
    feed,
    polls: queue,
    provider: authyProvider(authyClient(config.authy.apiUrl, config.authy.apiKey), config.authy),
    pushWords: pushWords(loadText("en")),
    passwords: passwords(config.argon2TestStrength, config.limits.hashesQueued),
  };
  return {
    deps,
    database,
    redis,
    redisWatch,
    redisTroubles: troubles,
    connectRedis,
    queue,
    isOpen: () => isOpen,
    async open(isStopped) {
      for (let told = ""; ;) {
        try {
          await connect(database);
          await clock.adjust();
          isOpen = true;
          return;
        } catch (error) {
          if (database.isInitialized) await database.destroy().catch(() => undefined);
          if (isStopped()) throw error;
          const { code, reason } = driverErrorOf(error);
          if (reason !== told) log.error({ code, reason }, "the database cannot be opened yet");
          told = reason;
        }
        await wait(RETRY_DATABASE_MS);
      }
    },
    sessionsEnded: () => feed.sessionsEnded(),
    async close() {
      clearInterval(adjusting);
      redisWatch.close();
      await Promise.race([queue.close(), new Promise((resolve) => setTimeout(resolve, 1000).unref())]).catch(
        () => undefined,
      );
      redis.disconnect();
      producer.disconnect();
      if (database.isInitialized) await database.destroy();
    },
  };
}
