import { createServer, type ServerResponse } from "node:http";
import { Server as TcpServer } from "node:net";
import { setImmediate as nextLoop, setTimeout as wait } from "node:timers/promises";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

import { ConfigError, loadConfig } from "./config.js";
import { consoleToLog } from "./console-to-log.js";
import { requireWritable, tablesAreCurrent } from "./database/readiness.js";
import { EXPIRY_GRACE_MS } from "./domain/watched.js";
import { WATCHED } from "./domain/watched-kinds.js";
import { createApp } from "./http/app.js";
import { streamHub } from "./http/stream-hub.js";
import { loadText } from "./http/text.js";
import { nunjucksViews } from "./http/views.js";
import { authyCallbacks } from "./providers/authy/callbacks.js";
import { stopOnSignals } from "./stop-on-signals.js";
import { challengeNotifications } from "./redis/challenge-feed.js";
import { localRateLimit, rateLimit } from "./redis/rate-limits.js";
import { createLog, createServices } from "./services.js";

const HEALTH_TIMEOUT_MS = 1000;
const LISTEN_ANYWAY_MS = 800;
const FINISH_REQUESTS_MS = 4000;
const SHORT_ROUND_MS = 0.3;
const MOST_ROUNDS = 100;
/** While draining, an idle connection may bring one more request this long; it is told to be the last. */
const IDLE_GRACE_MS = 1000;

/** The web process: config → wiring → listen → drain. Twin of workers/index.ts. */
function main(): void {
  const config = loadConfig(process.env);
  const log = createLog(config.logLevel, "web");
  consoleToLog(log);
  let isDraining = false;
  const services = createServices(config, log);
  const { deps, database, redis, queue } = services;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const notifications = challengeNotifications(services.connectRedis("subscriber"));
  services.redisWatch.alsoTry((publisher) => notifications.tryWith(publisher));
  const streams = streamHub(
    {
      notifications,
      now: () => deps.now(),
      readStatuses: (kind, ids) => WATCHED[kind].rows(deps).statuses(ids),
      livingSessions: (ids) => deps.sessions.living(ids, deps.now()),
      onOverdue: ({ kind, id }) => {
        WATCHED[kind].expire(deps, id, "clock").catch(() => undefined); // the next round tries again
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
  // Once they are all done they stay so: a busy process need not look again for each question about its health.
  let isMigrated = false;
  const lookForMigrations = async (): Promise<boolean> => (isMigrated = await tablesAreCurrent(database));
  const app = createApp(
    {
      ...deps,
      http: config,
      text: loadText("en"),
      views: nunjucksViews(config.authy.appName, config.sessionKeys),
      streams,
      rates: {
        loginsOfAddress: rateLimit(redis, "login", limits.loginsPerAddressAndMinute, 60),
        logins: rateLimit(redis, "logins", limits.loginsPerMinute, 60),
        registrationsOfAddress: rateLimit(redis, "register", limits.registrationsPerAddressAndHour, 3600),
        statusOfChallenge: localRateLimit("status", 5, 5),
        textMessages: rateLimit(redis, "sms", 3, 600),
      },
      sessionsEnded: () => services.sessionsEnded(),
    },
    {
      registry,
      isDraining: () => isDraining,
      isOpen: () => services.isOpen(),
      database: () => within(requireWritable(database).then(() => true)),
      migrations: () => (isMigrated ? Promise.resolve(true) : within(lookForMigrations())),
      redis: () => within(services.redisWatch.isWell()),
      queueMetrics: () => within(queue.metrics(), ""),
    },
    [authyCallbacks(deps, config.authy)],
  );

  const answer = app.callback();
  const answering = new Set<ServerResponse>();
  function forgetAnswer(this: ServerResponse): void {
    answering.delete(this);
  }
  const server = createServer(
    {
      // With the interval in which they are looked at: slow and silent clients are gone within 15 s.
      headersTimeout: 10_000,
      requestTimeout: 12_000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: config.keepAliveTimeoutMs,
      maxHeaderSize: 16_384,
    },
    (req, res) => {
      if (isDraining) res.setHeader("Connection", "close");
      else {
        answering.add(res);
        res.once("close", forgetAnswer);
      }
      void answer(req, res);
    },
  );
  server.timeout = 0; // would end open streams
  server.on("error", (error: NodeJS.ErrnoException) => {
    log.error({ code: error.code ?? "", host: config.host ?? "every interface", port: config.port }, "cannot listen");
    // As for wrong settings: a process that cannot start tells the person who started it.
    process.stderr.write(
      error.code === "EADDRINUSE"
        ? `Port ${config.port} is in use. Set PORT to a free one.
`
        : `Cannot listen on ${config.host ?? "every interface"}, port ${config.port}: ${error.code ?? error.message}
`,
    );
    process.exit(1);
  });
  // Only after a signal does it give up, and then the process ends anyway.
  const opening = services.open(() => isDraining).catch(() => undefined);
  // A balancer that knows only whether somebody listens must not send people to a process without its database; but one
  // whose database is away says so to whoever asks.
  void Promise.race([opening, wait(LISTEN_ANYWAY_MS)]).then(() => {
    if (isDraining) return;
    server.listen(config.port, config.host ?? undefined, () => {
      log.info({ url: config.publicUrl, host: config.host ?? "every interface", port: config.port }, "listening");
      if (config.host === null)
        log.info({ port: config.port }, "HOST is not set: in production a given PORT is open on every interface");
    });
  });

  stopOnSignals(log, async () => {
    isDraining = true;
    // Balancers look at /readyz: until they have seen it, people still come here, and are served.
    if (server.listening) await wait(config.drainWaitMs);
    await acceptWhatWaits();
    const closed = new Promise<void>((resolve) => {
      // Not the HTTP server's own way: it would cut connections on which a request may be on its way.
      TcpServer.prototype.close.call(server, () => {
        resolve();
      });
    });
    streams.drain();
    for (const res of answering) if (!res.headersSent) res.setHeader("Connection", "close");
    const drainingSince = performance.now();
    const sweep = setInterval(() => {
      if (performance.now() - drainingSince > IDLE_GRACE_MS) server.closeIdleConnections();
    }, 50);
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, FINISH_REQUESTS_MS))]);
    clearInterval(sweep);
    server.closeAllConnections();
    notifications.close();
    await services.close();
  });
}

/**
 * Connections that the kernel has accepted would be cut when listening ends, with a request on them perhaps. So the event
 * loop goes round until a round was short: what came before it is ours by then, and little can have come since.
 */
async function acceptWhatWaits(): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const startedAt = performance.now();
    await nextLoop();
    if (performance.now() - startedAt < SHORT_ROUND_MS) return;
  }
}

/** A health question that cannot be answered in time is answered with no. */
async function within<T>(work: Promise<T>, otherwise?: T): Promise<T> {
  const no = (otherwise ?? false) as T;
  const late = new Promise<T>((resolve) => setTimeout(resolve, HEALTH_TIMEOUT_MS, no).unref());
  return Promise.race([work.catch(() => no), late]);
}

try {
  main();
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(error instanceof ConfigError ? ConfigError.exitCode : 1);
}
