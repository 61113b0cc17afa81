import type Router from "@koa/router";
import { type Redis } from "ioredis";
import { pino } from "pino";
import { setTimeout as wait } from "node:timers/promises";
import { DataSource } from "typeorm";

import { authyCallbacks } from "./providers/authy/callbacks.js";
import { authyClient } from "./providers/authy/client.js";
import { authyProvider } from "./providers/authy/provider.js";
import { totpProvider } from "./providers/totp/provider.js";
import { type Config } from "./config.js";
import { databaseClock } from "./database/clock.js";
import { connect, dataSourceOptions } from "./database/data-source.js";
import { driverErrorOf } from "./database/errors.js";
import { requireWritable, tablesAreCurrent } from "./database/readiness.js";
import { databaseRows } from "./database/rows.js";
import { type Deps, type Log } from "./domain/deps.js";
import { type FactorType } from "./domain/factor.js";
import { type FactorProvider, type Providers } from "./domain/factor-provider.js";
import { type RequestState } from "./http/context.js";
import { type HttpDeps } from "./http/deps.js";
import { eventStreams } from "./http/event-streams.js";
import { pushWords } from "./http/push-words.js";
import { type Health } from "./http/routes/health.js";
import { loadText } from "./http/text.js";
import { nunjucksViews } from "./http/views.js";
import { passwords } from "./passwords/argon2.js";
import { pollQueue } from "./queue/poll-queue.js";
import { type ChallengeFeed, challengeFeed, challengeNotifications } from "./redis/challenge-feed.js";
import { type ConnectionRole, redisConnection } from "./redis/connections.js";
import { localRateLimit, rateLimit } from "./redis/rate-limits.js";
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
  readonly feed: ChallengeFeed;
  /** False until the database was opened for the first time: before that nothing can be asked of it. */
  isOpen(): boolean;
  /**
   * Opens the database, and waits for one that is away: a process starts with anything missing, and recovers by itself.
   * @throws what the database says, or that it was aborted, once it is `stopping`.
   */
  open(stopping: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** JSON lines on standard output; only fields that we chose ever reach it. */
export function createLog(level: Config["logLevel"], name: string): Log {
  const options = { level, base: { process: name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  // Written at once: pino's buffered form waits for ever at exit when the reader of the log has gone away.
  return pino(options, pino.destination({ dest: 1, sync: true }));
}

const RETRY_DATABASE_MS = 300;
const HEALTH_TIMEOUT_MS = 1000;
const NOTICE_READ_ONLY_MS = 5000;

/** Creates the services and waits until their database is open. @throws what the database says, once it is `stopping`. */
export async function openServices(config: Config, log: Log, stopping: AbortSignal): Promise<Services> {
  const services = createServices(config, log);
  await services.open(stopping);
  return services;
}

/** Creates all adapters; the only module that imports every folder of src/. */
export function createServices(config: Config, log: Log): Services {
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
  // A primary that became read-only in place keeps its connections, and who only reads there would never notice.
  const noticing = setInterval(() => {
    if (isOpen) void requireWritable(database).catch(() => undefined);
  }, NOTICE_READ_ONLY_MS);
  noticing.unref();
  const rows = databaseRows(database);
  const deps: Deps = {
    ...rows,
    now: clock.now,
    settings: config.rules,
    log,
    feed,
    polls: queue,
    providers: providersOf(config, { ...rows, log, now: clock.now }),
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
    feed,
    isOpen: () => isOpen,
    async open(stopping) {
      for (let told = ""; ;) {
        try {
          await connect(database);
          await clock.adjust();
          isOpen = true;
          return;
        } catch (error) {
          if (database.isInitialized) await database.destroy().catch(() => undefined);
          if (stopping.aborted) throw error;
          const { code, reason } = driverErrorOf(error);
          if (reason !== told) log.error({ code, reason }, "the database cannot be opened yet");
          told = reason;
        }
        await wait(RETRY_DATABASE_MS, undefined, { signal: stopping });
      }
    },
    async close() {
      clearInterval(adjusting);
      clearInterval(noticing);
      redisWatch.close();
      const told = Promise.all([queue.close(), feed.sent()]);
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 1000).unref())]).catch(() => undefined);
      redis.disconnect();
      producer.disconnect();
      if (database.isInitialized) await database.destroy();
    },
  };
}

/** The providers of the types that FACTORS names, in its order. */
function providersOf({ authy, factors, rules, secretKeys }: Config, deps: Pick<Deps, "totpSecrets" | "log" | "now">) {
  const make: Readonly<Record<FactorType, () => FactorProvider | null>> = {
    "authy-push": () => authy && authyProvider(authyClient(authy.apiUrl, authy.apiKey), authy),
    totp: () => totpProvider({ ...deps, appName: rules.appName, secretKeys }),
  };
  return Object.fromEntries(factors.map((type) => [type, make[type]()])) as Providers;
}

/** What the web process has besides. */
export interface WebServices extends Pick<Services, "open" | "close"> {
  readonly deps: HttpDeps;
  readonly health: Health;
  /** What the providers call. */
  readonly callbacks: readonly Router<RequestState>[];
}

/** Creates what the web process is made of. */
export function createWebServices(config: Config, log: Log, stopping: AbortSignal): WebServices {
  const services = createServices(config, log);
  const { deps, database, redis, redisWatch, queue } = services;
  const notifications = challengeNotifications(services.connectRedis("subscriber"));
  redisWatch.alsoTry((publisher) => notifications.tryWith(publisher));
  const { limits } = config;
  const streams = eventStreams(deps, notifications, config);
  services.feed.tellAtOnce((status) => {
    streams.tell(status);
  });
  const isPhoneAsked = Object.values(deps.providers).some(({ asks }) => asks !== undefined);
  // Once they are all done they stay so: a busy process need not look again for each question about its health.
  let isMigrated = false;
  const lookForMigrations = async (): Promise<boolean> => (isMigrated = await tablesAreCurrent(database));
  return {
    deps: {
      ...deps,
      http: config,
      text: loadText("en"),
      views: nunjucksViews(config.rules.appName, config.sessionKeys, isPhoneAsked),
      streams,
      rates: {
        loginsOfAddress: rateLimit(redis, "login", limits.loginsPerAddressAndMinute, 60),
        logins: rateLimit(redis, "logins", limits.loginsPerMinute, 60),
        registrationsOfAddress: rateLimit(redis, "register", limits.registrationsPerAddressAndHour, 3600),
        statusOfChallenge: localRateLimit("status", 5, 5),
        textMessages: rateLimit(redis, "sms", 3, 600),
      },
      sessionsEnded: () => services.feed.sessionsEnded(),
    },
    health: {
      isDraining: () => stopping.aborted,
      isOpen: () => services.isOpen(),
      database: () =>
        within(
          requireWritable(database).then(() => true),
          false,
        ),
      migrations: () => (isMigrated ? Promise.resolve(true) : within(lookForMigrations(), false)),
      redis: () => within(redisWatch.isWell(), false),
      queueMetrics: () => within(queue.metrics(), ""),
    },
    callbacks: config.authy === null ? [] : [authyCallbacks(deps, config.authy)],
    open: (signal) => services.open(signal),
    async close() {
      notifications.close();
      await services.close();
    },
  };
}

/** The answer to a question about health, or `otherwise` when it fails or comes too late. */
async function within<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return Promise.race([answer.catch(() => otherwise), wait(HEALTH_TIMEOUT_MS, otherwise, { ref: false })]);
}
