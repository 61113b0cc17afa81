import type Router from "@koa/router";
import type { Redis } from "ioredis";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { DataSource } from "typeorm";

import { authyCallbacks } from "./providers/authy/callbacks.js";
import { authyClient } from "./providers/authy/client.js";
import { authyProvider } from "./providers/authy/provider.js";
import { phoneCallbacks } from "./providers/phone/callbacks.js";
import { phonePages, type PhoneSite } from "./providers/phone/pages.js";
import { phoneStreams } from "./providers/phone/phone-streams.js";
import { phoneProvider, type PhoneSettings } from "./providers/phone/provider.js";
import { hostRule } from "./providers/phone/push-endpoint.js";
import { pushSender } from "./providers/phone/send-push.js";
import { vapidKey } from "./providers/phone/vapid.js";
import { phoneCredentials } from "./providers/passkey/phone-credentials.js";
import { loadWebauthn, passkeyProvider } from "./providers/passkey/provider.js";
import type { PasskeySite } from "./providers/passkey/webauthn.js";
import { totpProvider } from "./providers/totp/provider.js";
import type { Config } from "./config.js";
import { databaseClock } from "./database/clock.js";
import { startCheckpoints } from "./database/checkpoints.js";
import { connect, dataSourceOptions } from "./database/data-source.js";
import { driverErrorOf } from "./database/errors.js";
import { requireWritable, tablesAreCurrent } from "./database/readiness.js";
import { databaseRows } from "./database/rows.js";
import type { Deps, Log, Notifications } from "./domain/deps.js";
import type { FactorType, Movers } from "./domain/factor.js";
import type { FactorProvider, Providers } from "./domain/factor-provider.js";
import type { Language } from "./domain/language.js";
import type { MailCounts } from "./domain/mail.js";
import { movesFromAuthy } from "./domain/move-from-authy.js";
import { waitingIds } from "./domain/phone-requests.js";
import { matchCode } from "./domain/secrets.js";
import { assetFile } from "./http/assets.js";
import type { RequestState } from "./http/context.js";
import { readCookie, setCookie } from "./http/cookies.js";
import type { HttpDeps } from "./http/deps.js";
import { eventStreams } from "./http/event-streams.js";
import { knownHosts } from "./http/middleware/check-host.js";
import { allowFormTo } from "./http/middleware/security-headers.js";
import { isSameOrigin } from "./http/middleware/visit.js";
import { addressOf, networkOf, originOf } from "./http/origin.js";
import type { OpenId } from "./http/openid.js";
import { projectRoot } from "./http/project-root.js";
import { pushWords } from "./http/push-words.js";
import { HttpRefusal } from "./http/refusal.js";
import type { Health } from "./http/routes/health.js";
import { newTally } from "./http/tally.js";
import { loadTexts, type Texts } from "./http/text.js";
import { nunjucksViews, show } from "./http/views.js";
import { renewKeys } from "./oidc/keys.js";
import { noticeSender, type SendNotice } from "./oidc/notices.js";
import type { OidcSite } from "./oidc/provider.js";
import { linkUrl, mailComposer } from "./mail/compose.js";
import { smtpPostman } from "./mail/smtp.js";
import { passwords } from "./passwords/argon2.js";
import { otlpTraces } from "./traces/otlp.js";
import { pollQueue } from "./queue/poll-queue.js";
import { ringQueue } from "./queue/ring-queue.js";
import { type ChallengeFeed, challengeFeed, challengeNotifications } from "./redis/challenge-feed.js";
import { type ConnectionRole, redisConnection } from "./redis/connections.js";
import { notePresence, type ProcessKind } from "./redis/presence.js";
import { localRateLimit, rateLimit } from "./redis/rate-limits.js";
import { redisTroubles, type Troubles } from "./redis/troubles.js";
import { type RedisWatch, watchRedis } from "./redis/watch-redis.js";
import { ownRelease } from "./release.js";

/** What both processes are made of. */
export interface Services {
  readonly deps: Deps & Pick<HttpDeps, "tally">;
  readonly texts: Texts;
  readonly database: DataSource;
  /** Fails fast; for pages, limits and notifications. */
  readonly redis: Redis;
  readonly redisWatch: RedisWatch;
  readonly redisTroubles: Troubles;
  /** One more connection to the same Redis. */
  connectRedis(role: ConnectionRole): Redis;
  readonly queue: ReturnType<typeof pollQueue>;
  readonly feed: ChallengeFeed;
  readonly sendNotice: SendNotice;
  /** Does what is due with the keys that sign ID tokens. */
  renewSigningKeys(): Promise<void>;
  /** From now on `admin doctor` knows of this process. */
  announce(kind: ProcessKind): void;
  /** False until the database was opened for the first time: before that nothing can be asked of it. */
  isOpen(): boolean;
  /**
   * Opens the database, and waits for one that is away: a process starts with anything missing, and recovers by itself.
   * @throws what the database says, or that it was aborted, once it is `stopping`.
   */
  open(stopping: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const RETRY_DATABASE_MS = 300;
const HEALTH_TIMEOUT_MS = 1000;
const NOTICE_READ_ONLY_MS = 5000;
const COUNT_MOVERS_EVERY_MS = 60_000;
const FOREIGN_HASHES = 50;
/** Enough to see that polls are late. */
const MOST_OVERDUE_POLLS = 500;

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
  const onRefused = (error: unknown): void => {
    troubles.failed("queue", error, "use the keys bull:*");
  };
  const queue = pollQueue(producer, clock.now, onRefused);
  const rings = ringQueue(producer, clock.now, onRefused);
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
  const rows = databaseRows(database, config.mail !== null);
  const tally = newTally();
  const traces = config.traces && otlpTraces(config.traces, log);
  const texts = loadTexts(config.languages);
  let leave = (): Promise<unknown> => Promise.resolve();
  const words = (language: Language | null) => pushWords(texts, language);
  const deps = {
    ...rows,
    now: clock.now,
    settings: config.rules,
    log,
    feed,
    polls: queue,
    rings,
    providers: providersOf(config, { ...rows, feed, log, tally, now: clock.now, pushWords: words }),
    pushWords: words,
    mail: mailOf(config, texts),
    matchCodes: (id) => config.sessionKeys.map((key) => matchCode(key, id)),
    tally,
    ...(traces && { traces }),
    passwords: passwords(config.argon2TestStrength, config.limits.hashesQueued),
  } satisfies Deps;
  return {
    deps,
    texts,
    database,
    redis,
    redisWatch,
    redisTroubles: troubles,
    connectRedis,
    queue,
    feed,
    sendNotice: noticeSender(deps, config),
    renewSigningKeys: () => renewKeys(deps, config.sessionKeys, config.oidc),
    announce(kind) {
      leave = notePresence(redis, kind, ownRelease());
    },
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
      deps.mail?.postman.close();
      const told = Promise.all([leave(), queue.close(), rings.close(), feed.sent(), traces?.close()]);
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 1000).unref())]).catch(() => undefined);
      redis.disconnect();
      producer.disconnect();
      if (database.isInitialized) await database.destroy();
    },
  };
}

/** The providers of the types that FACTORS names, in its order. */
function providersOf(
  config: Config,
  deps: Pick<
    Deps,
    | "totpSecrets"
    | "subscribers"
    | "pushWords"
    | "factors"
    | "passkeys"
    | "phoneKeys"
    | "pushSubscriptions"
    | "transaction"
    | "feed"
    | "log"
    | "tally"
    | "now"
  >,
) {
  const { authy, factors, push, rules, secretKeys, publicUrl, sessionKeys } = config;
  const make: Readonly<Record<FactorType, () => FactorProvider | null>> = {
    "authy-push": () =>
      authy &&
      authyProvider(
        authyClient(authy.apiUrl, authy.apiKey, (route, result, ms) => {
          deps.tally.upstream(route, result, ms);
        }),
        authy,
      ),
    phone: () =>
      phoneProvider({ ...deps, send: pushSender(hostRule(push.hosts), push.subject, deps.now) }, phoneSettings(config)),
    passkey: () => passkeyProvider(deps, { appName: rules.appName, sessionKeys, ...passkeySite(publicUrl) }),
    totp: () => totpProvider({ ...deps, appName: rules.appName, secretKeys }),
  };
  return Object.fromEntries(factors.map((type) => [type, make[type]()])) as Providers;
}

/** The one site whose passkeys and credentials count. */
function passkeySite(publicUrl: string): PasskeySite {
  return { origin: publicUrl, rpId: new URL(publicUrl).hostname };
}

/** The way to the mail server, and the words of messages; null without one. */
function mailOf({ mail, rules, publicUrl }: Config, texts: Texts): Deps["mail"] {
  return (
    mail && {
      postman: smtpPostman(mail.server, mail.from, rules.mailSilenceSeconds),
      compose: mailComposer(path.join(projectRoot(), "views", "mail"), texts, { ...rules, publicUrl }),
      linkUrl: (purpose, token) => linkUrl(publicUrl, purpose, token),
    }
  );
}

/** What the web process has besides. */
export interface WebServices extends Pick<Services, "open" | "close"> {
  readonly deps: HttpDeps;
  readonly health: Health;
  /** What the providers call. */
  readonly callbacks: readonly Router<RequestState>[];
  /** Pages of the providers' own. */
  readonly sites: readonly Router<RequestState>[];
  readonly openId: OpenId;
  /** Ends all event streams, so that browsers reconnect elsewhere. */
  drainStreams(): void;
}

/** Creates what the web process is made of. */
export async function createWebServices(config: Config, log: Log, stopping: AbortSignal): Promise<WebServices> {
  // Neither the worker nor the operator's tool needs that library, which takes long to load.
  const { openIdProvider } = await import("./oidc/provider.js");
  const services = createServices(config, log);
  const { deps, texts, database, redis, redisWatch, queue } = services;
  const notifications = challengeNotifications(services.connectRedis("subscriber"));
  redisWatch.alsoTry((publisher) => notifications.tryWith(publisher));
  const { limits } = config;
  const streams = eventStreams(deps, notifications, config);
  services.feed.tellAtOnce((status) => {
    streams.tell(status);
  });
  const phone = deps.providers.phone === undefined ? null : phoneRouters(services, config, notifications);
  const isPhoneAsked = Object.values(deps.providers).some(({ asks }) => asks !== undefined);
  let stopCheckpoints = (): Promise<unknown> => Promise.resolve();
  // Once they are all done they stay so: a busy process need not look again for each question about its health.
  let isMigrated = false;
  const lookForMigrations = async (): Promise<boolean> => (isMigrated = await tablesAreCurrent(database));
  // Counted once a minute at most, however often somebody asks.
  let counted: { readonly at: number; readonly movers: Movers } | undefined;
  const lookForMovers = async (): Promise<Movers> => {
    if (counted === undefined || performance.now() - counted.at > COUNT_MOVERS_EVERY_MS)
      counted = { movers: await deps.factors.countMovers(), at: performance.now() };
    return counted.movers;
  };
  return {
    deps: {
      ...deps,
      http: config,
      texts,
      views: nunjucksViews(config.rules.appName, config.sessionKeys, texts, isPhoneAsked, config.mail !== null),
      streams,
      rates: {
        loginsOfAddress: rateLimit(redis, "login", limits.loginsPerAddressAndMinute, 60),
        logins: rateLimit(redis, "logins", limits.loginsPerMinute, 60),
        registrationsOfAddress: rateLimit(redis, "register", limits.registrationsPerAddressAndHour, 3600),
        statusOfChallenge: localRateLimit("status", 5, 5),
        textMessages: rateLimit(redis, "sms", 3, 600),
        deviceCodes: rateLimit(redis, "user-code", limits.deviceCodesPerHour, 3600),
        mailsOfAddress: rateLimit(redis, "mails", limits.mailsPerAddressAndHour, 3600),
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
      mailMetrics: () => (deps.mail === null ? Promise.resolve("") : within(deps.mails.counts().then(mailMetrics), "")),
      pollsLateMs: () => within(pollsLateMs(deps), null),
      movers: () => (movesFromAuthy(deps) ? within(lookForMovers(), null) : Promise.resolve(null)),
    },
    callbacks: [
      ...(config.authy === null ? [] : [authyCallbacks(deps, config.authy)]),
      ...(phone === null ? [] : [phone.callbacks]),
    ],
    sites: phone === null ? [] : [phone.pages],
    openId: openIdProvider(deps, { ...config, ...config.oidc }, oidcSite(redis, config)),
    drainStreams() {
      streams.drain();
      phone?.streams.drain();
    },
    async open(signal) {
      // What judges passkeys, and what unlocks a phone's approvals, takes a moment to load, in which nobody would be answered.
      if (deps.providers.passkey !== undefined || deps.providers.phone !== undefined) await loadWebauthn();
      await services.open(signal);
      services.announce("web");
      // C8: before the first refusal has told how long a hash of another system takes.
      await deps.passwords.learnFloor(await deps.subscribers.someForeignHashes(FOREIGN_HASHES).catch(() => []));
      stopCheckpoints = startCheckpoints(database);
    },
    async close() {
      notifications.close();
      await stopCheckpoints();
      await services.close();
    },
  };
}

/** @returns 0 when no poll is overdue. */
async function pollsLateMs(deps: Pick<Deps, "challenges" | "enrolments" | "now">): Promise<number> {
  const now = deps.now();
  const overdue = await Promise.all(
    [deps.challenges, deps.enrolments].map((rows) => rows.findOverdue(now, MOST_OVERDUE_POLLS)),
  );
  return Math.max(0, ...overdue.flat().map(({ nextPollAt }) => now.getTime() - (nextPollAt ?? now).getTime()));
}

/** Messages by what became of them, as Prometheus reads it. */
function mailMetrics({ due, sent, givenUp }: MailCounts): string {
  return [
    "",
    "# HELP mails Messages of the last month by state",
    "# TYPE mails gauge",
    `mails{state="due"} ${due}`,
    `mails{state="sent"} ${sent}`,
    `mails{state="given-up"} ${givenUp}`,
    "",
  ].join("\n");
}

/** What the web process has for phones of our own. */
function phoneRouters({ deps, feed }: Services, config: Config, notifications: Notifications) {
  const streams = phoneStreams({ notifications, waiting: (keyHashes) => waitingIds(deps, keyHashes) }, config.limits, {
    rereadMs: config.streamRereadMs,
    heartbeatMs: config.streamHeartbeatMs,
  });
  const settings = {
    ...phoneSettings(config),
    appName: config.rules.appName,
    isListed: hostRule(config.push.hosts),
    verification: config.phoneVerification,
    credentials: phoneCredentials(passkeySite(config.publicUrl)),
    workerFile: assetFile("phone-worker.js"),
  };
  return {
    streams,
    callbacks: phoneCallbacks(deps, config.publicUrl, settings.credentials, () => feed.sessionsEnded()),
    pages: phonePages(
      { ...deps, rate: localRateLimit("phone", config.limits.phoneRequestsPerAddress, 10) },
      settings,
      phoneSite(config),
      streams,
    ),
  };
}

/** What the OpenID Connect provider takes from the web server around it. */
export function oidcSite(redis: Redis, { limits }: Pick<Config, "limits">): OidcSite {
  const rate = rateLimit(redis, "authorize", limits.authorizationsPerAddressAndMinute, 60);
  const deviceRate = rateLimit(redis, "device", limits.deviceCodesPerHour, 3600);
  return {
    countAuthorization: (ctx) => rate(networkOf(addressOf(ctx))),
    countDeviceCode: (ctx) => deviceRate(networkOf(addressOf(ctx))),
    originOf: (ctx) => originOf(ctx),
    refusal: (error) => new HttpRefusal(400, "application-request", { error }),
    showFormPost(ctx, { to, fields }) {
      show(ctx, "form-post", { to, fields });
      allowFormTo(ctx, to);
    },
  };
}

/** @throws for a VAPID key that is none, as of two in 2^32 random ones. */
function phoneSettings({ publicUrl, sessionKeys, push }: Config): PhoneSettings {
  const vapidKeys = push.keys.map(vapidKey).filter((key) => key !== null);
  if (vapidKeys.length < push.keys.length) throw new Error("a key of VAPID_KEYS is no private P-256 key");
  return { publicUrl, sessionKeys, vapidKeys };
}

/** What the pages of phones take from the web server around them. */
function phoneSite({ publicUrl, isProduction }: Config): PhoneSite {
  const hosts = knownHosts(publicUrl, !isProduction);
  return {
    originOf: (ctx) => originOf(ctx),
    networkOf,
    isSameOrigin: (ctx) => isSameOrigin(ctx, hosts),
    showPage: (ctx, page, locals) => {
      show(ctx, page, locals);
    },
    readCookie: (ctx) => readCookie(ctx, "phone"),
    setCookie: (ctx, value, lifeMs) => {
      setCookie(ctx, "phone", value, lifeMs, "strict");
    },
  };
}

/** The answer to a question about health, or `otherwise` when it fails or comes too late. */
async function within<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return Promise.race([answer.catch(() => otherwise), wait(HEALTH_TIMEOUT_MS, otherwise, { ref: false })]);
}
