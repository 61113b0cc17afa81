import { type Redis } from "ioredis";
import { pino } from "pino";
import { type DataSource } from "typeorm";

import { authyClient } from "./authy/client.js";
import { authyProvider } from "./authy/provider.js";
import { type Config } from "./config.js";
import { attempts } from "./database/attempts.js";
import { audit } from "./database/audit.js";
import { browsers } from "./database/browsers.js";
import { challenges } from "./database/challenges.js";
import { databaseClock } from "./database/clock.js";
import { openDatabase } from "./database/data-source.js";
import { enrolments } from "./database/enrolments.js";
import { factors } from "./database/factors.js";
import { failures } from "./database/failures.js";
import { receipts } from "./database/receipts.js";
import { recoveryCodes } from "./database/recovery-codes.js";
import { sessions, type SessionStore } from "./database/sessions.js";
import { subscribers } from "./database/subscribers.js";
import { type Deps, type Log } from "./domain/deps.js";
import { passwords } from "./passwords.js";
import { pollQueue } from "./queue/poll-queue.js";
import { challengeFeed } from "./redis/challenge-feed.js";
import { redisConnection } from "./redis/connections.js";

/** What both processes are made of. */
export interface House {
  readonly deps: Deps;
  readonly store: SessionStore;
  readonly database: DataSource;
  /** Fails fast; for pages, limits and bells. */
  readonly redis: Redis;
  readonly queue: ReturnType<typeof pollQueue>;
  sessionsEnded(): Promise<void>;
  close(): Promise<void>;
}

/** JSON lines on standard output; only fields that we chose ever reach it. */
export function createLog(level: Config["logLevel"], name: string): Log {
  const options = { level, base: { process: name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  // Written at once: pino's buffered form waits for ever at exit when the reader of the log has gone away.
  return pino(options, pino.destination({ dest: 1, sync: true }));
}

const RETRY_DATABASE_MS = 1000;

/** Opens the database, waiting for one that is not there yet: a process starts with anything missing and heals alone. */
async function openPatiently(url: string, log: Log, isStopped: () => boolean): Promise<DataSource> {
  for (;;) {
    try {
      return await openDatabase(url);
    } catch (error) {
      if (isStopped()) throw error;
      log.error({ reason: error instanceof Error ? error.name : "" }, "the database cannot be opened yet");
      await new Promise((resolve) => setTimeout(resolve, RETRY_DATABASE_MS));
    }
  }
}

/** Builds the house; the only place that knows all rooms. */
export async function buildHouse(config: Config, log: Log, isStopped: () => boolean = () => false): Promise<House> {
  const database = await openPatiently(config.databaseUrl, log, isStopped);
  const redis = redisConnection(config.redisUrl, "page", log);
  const producer = redisConnection(config.redisUrl, "producer", log);
  const queue = pollQueue(producer, log);
  const feed = challengeFeed(redis);
  const clock = databaseClock(database);
  await clock.adjust();
  const adjusting = setInterval(() => void clock.adjust().catch(() => undefined), 60_000);
  adjusting.unref();
  const sessionRows = sessions(database);
  const deps: Deps = {
    now: clock.now,
    settings: config.rules,
    log,
    subscribers: subscribers(database),
    factors: factors(database),
    enrolments: enrolments(database),
    attempts: attempts(database),
    challenges: challenges(database),
    sessions: sessionRows,
    browsers: browsers(database),
    recoveryCodes: recoveryCodes(database),
    receipts: receipts(database),
    failures: failures(database),
    audit: audit(database),
    feed,
    polls: queue,
    provider: authyProvider(authyClient(config.authy.apiUrl, config.authy.apiKey)),
    passwords: passwords(config.argon2TestStrength, config.limits.hashesQueued),
  };
  return {
    deps,
    store: sessionRows,
    database,
    redis,
    queue,
    sessionsEnded: () => feed.sessionsEnded(),
    async close() {
      clearInterval(adjusting);
      await Promise.race([queue.close(), new Promise((resolve) => setTimeout(resolve, 1000).unref())]).catch(
        () => undefined,
      );
      redis.disconnect();
      producer.disconnect();
      if (database.isInitialized) await database.destroy();
    },
  };
}
