import { Queue, Worker } from "bullmq";

import { ConfigError, loadConfig } from "../src/config.js";
import { consoleToLog } from "../src/console-to-log.js";
import { createLog } from "../src/create-log.js";
import { forgetOld } from "../src/database/forget-old.js";
import { logIdOf } from "../src/domain/announce-settled.js";
import { upstreamRemovals } from "../src/domain/disable-two-factor.js";
import { eraseClosedAccounts } from "../src/domain/close-account.js";
import { errorFields } from "../src/domain/error-fields.js";
import { reconcile } from "../src/domain/reconcile.js";
import { answerResetRequests } from "../src/domain/request-reset.js";
import { sendDueMails } from "../src/domain/send-mails.js";
import { queuePrefix } from "../src/queue/id-queue.js";
import { POLL_QUEUE, type PollJob } from "../src/queue/poll-queue.js";
import { RING_QUEUE, type RingJob } from "../src/queue/ring-queue.js";
import { isOfRedis } from "../src/redis/causes.js";
import { stopOnSignals } from "../src/stop-on-signals.js";
import { createServices } from "../src/services.js";
import { pollDueRows, pollProvider } from "./poll-provider.js";
import { sendLogoutNotices } from "./send-logout.js";
import { showHealth } from "./show-health.js";
import { ringDue } from "./ring-again.js";

const FORGET_EVERY_MS = 60_000;
const ERASE_EVERY_MS = 600_000;
const SEND_NOTICES_EVERY_MS = 1000;
const RENEW_KEYS_EVERY_MS = 600_000;
const FINISH_JOBS_MS = 6000;
const POLL_ROWS_EVERY_MS = 1000;
/** Workers know of each other through Redis only: without it each may ask the provider this part of what the whole fleet may. */
const SHARE_WITHOUT_REDIS = 1 / 5;

/** The worker process: polls what no callback has settled, and repairs what a crash left behind. */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLog(config.logLevel, "worker");
  consoleToLog(log);
  const services = createServices(config, log);
  const { deps, redisTroubles, redisWatch } = services;
  let finish = (): Promise<void> => Promise.resolve();
  const stopping = stopOnSignals(log, async () => {
    await finish();
    await services.close();
  });
  await services.open(stopping).catch((error: unknown) => {
    if (!stopping.aborted) throw error;
  });
  // A signal may have come while the database was being opened.
  if (stopping.aborted) return;
  services.announce("worker");
  const connection = services.connectRedis("worker");
  const prefix = queuePrefix(connection);
  const queue = new Queue(POLL_QUEUE, { connection, prefix, skipVersionCheck: true });
  const manners = {
    connection,
    prefix,
    concurrency: 20,
    // With the defaults a killed worker's job would wait a minute, and fail for good when its worker is killed a second time.
    lockDuration: 2000,
    stalledInterval: 1000,
    maxStalledCount: 1000,
    drainDelay: 2,
    // After an error of the connection, which a Cluster has in each failover; 15 s unless said otherwise.
    runRetryDelay: 1000,
    removeOnComplete: { age: 600, count: 1000 },
    removeOnFail: { age: 86_400, count: 5000 },
  };
  const worker = new Worker<PollJob>(POLL_QUEUE, pollProvider(deps, queue), {
    ...manners,
    limiter: { max: config.limits.upstreamPerSecond, duration: 1000 },
  });
  const ringer = deps.providers.phone === undefined ? null : new Worker<RingJob>(RING_QUEUE, ringDue(deps), manners);
  queue.on("error", () => undefined); // the connection logs its own errors
  const noteError = (what: string) => (error: Error) => {
    if (stopping.aborted) return;
    if (isOfRedis(error)) redisTroubles.failed("queue", error, "use the keys bull:*");
    else log.warn({ reason: error.message.slice(0, 120) }, what);
  };
  worker.on("error", noteError("poll failed"));
  ringer?.on("error", noteError("ring failed"));
  worker.on("failed", (job, error) => {
    log.warn({ ...(job && logIdOf(job.data.kind, job.data.id)), ...errorFields(error) }, "poll failed");
  });

  const timers: NodeJS.Timeout[] = [];
  every(config.reconcileMs, () => reconcile(deps), "reconcile");
  const pollRows = pollDueRows(deps, Math.ceil(config.limits.upstreamPerSecond * SHARE_WITHOUT_REDIS));
  every(POLL_ROWS_EVERY_MS, () => (redisWatch.isReliable() ? Promise.resolve() : pollRows()), "poll without the queue");
  every(config.reconcileMs, upstreamRemovals(deps), "remove phones at the provider");
  every(FORGET_EVERY_MS, () => forgetOld(services.database, deps.now()), "forget old rows");
  every(SEND_NOTICES_EVERY_MS, sendLogoutNotices(deps, services.sendNotice), "send logout notices");
  every(RENEW_KEYS_EVERY_MS, () => services.renewSigningKeys(), "renew signing keys");
  const erase = every(ERASE_EVERY_MS, () => eraseClosedAccounts(deps), "erase closed accounts");
  erase();
  every(config.reconcileMs, () => sendMails(), "send messages");
  async function sendMails(): Promise<void> {
    const { mail } = deps;
    if (mail === null) return;
    await answerResetRequests(deps);
    await sendDueMails({ ...deps, mail }, () => stopping.aborted);
  }
  /** @returns what does it at once, besides. */
  function every(ms: number, work: () => Promise<void>, name: string): () => void {
    let isRunning = false;
    const run = (): void => {
      if (isRunning) return;
      isRunning = true;
      work()
        .catch((error: unknown) => {
          log.warn({ work: name, ...errorFields(error) }, "task failed, will be tried again");
        })
        .finally(() => {
          isRunning = false;
        });
    };
    timers.push(setInterval(run, ms));
    return run;
  }
  const { workerPort: port } = config;
  const shown =
    port === undefined
      ? null
      : showHealth({ host: config.host ?? "127.0.0.1", port, counted: deps.tally.registry }, log);
  log.info({}, "worker ready");

  finish = async () => {
    for (const timer of timers) clearInterval(timer);
    shown?.close();
    shown?.closeAllConnections();
    await Promise.race([
      Promise.all([worker.close(), ringer?.close()]),
      new Promise((resolve) => setTimeout(resolve, FINISH_JOBS_MS)),
    ]);
    connection.disconnect();
  };
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(error instanceof ConfigError ? ConfigError.exitCode : 1);
});
