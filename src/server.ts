import { createServer } from "node:http";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

import { ConfigError, loadConfig } from "./config.js";
import { expireWhenOver } from "./domain/ask-authy.js";
import { EXPIRY_GRACE_MS, type LiveStatus } from "./domain/challenge.js";
import { expireEnrolmentWhenOver } from "./domain/enrol.js";
import { createApp } from "./http/app.js";
import { streamHub } from "./http/stream-hub.js";
import { nunjucksViews } from "./http/views.js";
import { stopOnSignals } from "./stop-on-signals.js";
import { challengeBells } from "./redis/challenge-feed.js";
import { redisConnection } from "./redis/connections.js";
import { localRateLimit, rateLimit } from "./redis/rate-limits.js";
import { buildHouse, createLog } from "./wiring.js";

const HEALTH_TIMEOUT_MS = 1000;
const FINISH_REQUESTS_MS = 4000;

/** The web process: config → wiring → listen → drain. Twin of workers/index.ts. */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLog(config.logLevel, "web");
  let isDraining = false;
  const house = await buildHouse(config, log, () => isDraining);
  const { deps, database, redis, queue } = house;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const bells = challengeBells(redisConnection(config.redisUrl, "subscriber", log));
  const streams = streamHub(
    {
      bells,
      now: () => deps.now(),
      readStatuses: async (ids) => [...(await deps.challenges.statuses(ids)), ...(await deps.enrolments.statuses(ids))],
      isSessionAlive: (id) => deps.sessions.isAlive(id, deps.now()),
      onOverdue: ({ id, kind, expiresAt }: LiveStatus) => {
        const settled =
          kind === "approval"
            ? expireWhenOver(deps, { id, expiresAt }, expiresAt)
            : expireEnrolmentWhenOver(deps, { id, expiresAt });
        settled.catch(() => undefined); // the next round tries again
      },
    },
    config.limits,
    { rereadMs: config.streamRereadMs, heartbeatMs: config.streamHeartbeatMs, overdueMs: EXPIRY_GRACE_MS },
  );
  new Gauge({
    name: "open_event_streams",
    help: "Browsers that wait on an event stream",
    registers: [registry],
    collect() {
      this.set(streams.size);
    },
  });

  const { limits } = config;
  const app = createApp(
    {
      ...deps,
      http: config,
      views: nunjucksViews(config.authy.appName, config.sessionKeys, config.isProduction),
      store: house.store,
      streams,
      rates: {
        loginsOfAddress: rateLimit(redis, "login", limits.loginsPerAddressAndMinute, 60),
        logins: rateLimit(redis, "logins", limits.loginsPerMinute, 60),
        registrationsOfAddress: rateLimit(redis, "register", limits.registrationsPerAddressAndHour, 3600),
        statusOfChallenge: localRateLimit("status", 5, 5),
        textMessages: rateLimit(redis, "sms", 3, 600),
      },
      sessionsEnded: () => house.sessionsEnded(),
    },
    {
      registry,
      isDraining: () => isDraining,
      database: () => within(database.query("SELECT 1").then(() => true)),
      migrations: () => within(database.showMigrations().then((pending) => !pending)),
      redis: () => within(redis.status === "ready" ? redis.ping().then(() => true) : Promise.resolve(false)),
      queueMetrics: () => within(queue.metrics(), ""),
    },
  );

  const answer = app.callback();
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      connectionsCheckingInterval: 2000,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16_384,
    },
    (req, res) => void answer(req, res),
  );
  server.timeout = 0; // would end open streams
  server.on("error", (error: NodeJS.ErrnoException) => {
    log.error({ code: error.code ?? "", host: config.host, port: config.port }, "cannot listen");
    console.error(
      error.code === "EADDRINUSE"
        ? `Port ${config.port} is in use. Set PORT to a free one.`
        : `Cannot listen on ${config.host}:${config.port}: ${error.code ?? error.message}`,
    );
    process.exit(1);
  });
  server.listen(config.port, config.host, () => {
    log.info({ url: config.publicUrl, host: config.host, port: config.port }, "listening");
  });

  stopOnSignals(log, async () => {
    isDraining = true;
    const closed = new Promise<void>((resolve) =>
      server.close(() => {
        resolve();
      }),
    );
    streams.drain();
    server.closeIdleConnections();
    const sweep = setInterval(() => {
      server.closeIdleConnections();
    }, 100);
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, FINISH_REQUESTS_MS))]);
    clearInterval(sweep);
    server.closeAllConnections();
    bells.close();
    await house.close();
  });
}

/** A health question that cannot be answered in time is answered with no. */
async function within<T>(work: Promise<T>, otherwise?: T): Promise<T> {
  const no = (otherwise ?? false) as T;
  const late = new Promise<T>((resolve) => setTimeout(resolve, HEALTH_TIMEOUT_MS, no).unref());
  return Promise.race([work.catch(() => no), late]);
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(error instanceof ConfigError ? ConfigError.exitCode : 1);
});
