import { readFileSync } from "node:fs";
import { z } from "zod";

import { postgresAddress } from "./database/address.js";
import { typeNamed } from "./domain/factor.js";
import { LANGUAGES } from "./domain/language.js";
import { senderIn, smtpAddress } from "./mail/address.js";
import { redisAddress } from "./redis/address.js";

/** One variable of the environment. */
export interface Setting<T> {
  readonly variable: string;
  readonly shape: z.ZodType<T, string>;
  /** The text that stands for the variable when it is not set; null where nothing does. */
  readonly fallback: string | null;
  readonly isRequired: boolean;
  /** Only while this type of factor is among those of FACTORS: otherwise nobody looks at it. */
  readonly onlyFor?: "authy-push";
  /** Set but empty is a mistake; of other variables it counts as not set. */
  readonly isSecret: boolean;
  /** What the documentation has in its column of defaults. */
  readonly documentedDefault: string;
  readonly example: string;
  readonly meaning: string;
}

function setting<T>(variable: string, shape: z.ZodType<T, string>, fallback: string, meaning: string): Setting<T> {
  const documentedDefault = `\`${fallback}\``;
  return {
    variable,
    shape,
    fallback,
    documentedDefault,
    example: fallback,
    meaning,
    isRequired: false,
    isSecret: false,
  };
}

function required<T>(variable: string, shape: z.ZodType<T, string>, example: string, meaning: string): Setting<T> {
  return {
    ...setting(variable, shape, example, meaning),
    fallback: null,
    documentedDefault: "required",
    isRequired: true,
  };
}

/** A setting that counts only while people can sign in with Authy. */
function ofAuthy<T>(given: Setting<T>): Setting<T> {
  return { ...given, onlyFor: "authy-push" };
}

function optional<T>(
  variable: string,
  shape: z.ZodType<T, string>,
  documentedDefault: string,
  example: string,
  meaning: string,
): Setting<T | undefined> {
  return { ...setting(variable, shape, example, meaning), fallback: null, documentedDefault };
}

function optionalSecret<T>(...given: Parameters<typeof optional<T>>): Setting<T | undefined> {
  return { ...optional(...given), isSecret: true };
}

/** A whole number. */
function whole(min: number, max: number) {
  const hint = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,12}$/, hint)
    .transform(Number)
    .refine((n) => n >= min && n <= max, hint);
}

/** Days, in parts too, as seconds. */
function days(min: number, max: number) {
  const hint = `must be a number of days from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,4}(\.\d{1,9})?$/, hint)
    .transform(Number)
    .refine((n) => n >= min && n <= max, hint)
    .transform((n) => n * 86_400);
}

const text = z.string();
/** Of a limit, `0` switches it off. */
const limit = whole(0, 1_000_000);
const seconds = whole(1, 31_536_000);
const ms = whole(1, 3_600_000);
const flag = z.enum(["true", "false"], { error: "must be true or false" }).transform((v) => v === "true");

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, { error: `must be ${values.slice(0, -1).join(", ")} or ${values.at(-1) ?? ""}` });
}

function httpUrl(hint: string) {
  return z.string().refine((value) => {
    if (!URL.canParse(value) || /\s/.test(value)) return false;
    const { protocol, hash } = new URL(value);
    return (protocol === "http:" || protocol === "https:") && hash === "";
  }, hint);
}

const keys = z
  .string()
  .transform((v) => v.split(",").map((key) => key.trim()))
  .refine((all) => all.every((key) => key !== ""), "has an empty key between its commas");

/** The types of factor that people may add, in the order in which they are offered. */
const factors = z.string().transform((value, issues) => {
  const types = value.split(",").map((name) => typeNamed(name.trim()));
  const known = types.filter((type) => type !== null);
  if (known.length === types.length && new Set(known).size === known.length) return known;
  issues.addIssue({
    code: "custom",
    message: "must name some of authy, phone, passkey and totp, each once, with commas between",
  });
  return z.NEVER;
});

/** The languages that are offered, the first of them to whoever asks for none. */
const languages = z.string().transform((value, issues) => {
  const names = value.split(",").map((name) => name.trim().toLowerCase());
  const known = LANGUAGES.filter((language) => names.includes(language)).sort(
    (one, other) => names.indexOf(one) - names.indexOf(other),
  );
  const [first, ...others] = known;
  if (first !== undefined && known.length === names.length) return [first, ...others] as const;
  const message = `must name some of ${LANGUAGES.join(", ")}, each once, with commas between`;
  issues.addIssue({ code: "custom", message });
  return z.NEVER;
});

const secretKeys = keys.transform((all, issues) => {
  const bytes = all.map((key) => Buffer.from(key, "base64url"));
  if (all.every((key) => /^[\w-]{43}$/.test(key))) return bytes;
  issues.addIssue({ code: "custom", message: "must be keys of 32 bytes each, in base64url (43 characters)" });
  return z.NEVER;
});

const pushHosts = z
  .string()
  .transform((v) => v.split(",").map((host) => host.trim().toLowerCase()))
  .refine((all) => all.every((host) => /^(\*|(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+)$/.test(host)), "must be names of hosts");

const vapidSubject = z
  .string()
  .refine(
    (v) => /^mailto:[^@\s]+@[^@\s]+\.[^@\s.]+$/.test(v) || /^https:\/\/[^/\s:@]+\.[a-z-]+(:\d+)?(\/\S*)?$/i.test(v),
    "must be a mailto: or https: address",
  )
  .refine((v) => !/(localhost|\.local)(:\d+)?(\/|$)/i.test(v), "must be an address that others can reach");

const vapidKeys = keys.refine(
  (all) => all.every((key) => /^[\w-]{43}$/.test(key)),
  "must be private P-256 keys: 32 bytes each, in base64url (43 characters)",
);

const databaseUrl = z.string().superRefine((value, issues) => {
  if (/^sqlite:(?!:)[^\0]*[^\s\0]/.test(value)) return;
  try {
    postgresAddress(value);
  } catch (error) {
    issues.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" });
  }
});

const redisUrl = z.string().superRefine((value, issues) => {
  try {
    redisAddress(value);
  } catch (error) {
    issues.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" });
  }
});

const smtpUrl = z.string().transform((value, issues) => {
  try {
    return smtpAddress(value);
  } catch (error) {
    issues.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" });
    return z.NEVER;
  }
});

const sender = z.string().transform((value, issues) => {
  const read = senderIn(value);
  if (read !== null) return read;
  issues.addIssue({ code: "custom", message: "must be an address, or Name <address>" });
  return z.NEVER;
});

/** Whole numbers of seconds, with commas between. */
const pauses = z
  .string()
  .regex(/^\d{1,6}( *, *\d{1,6})*$/, "must be whole seconds, with commas between")
  .transform((value) => value.split(",").map(Number));

/** `name=value` with commas between; values are percent-encoded. */
const pairs = z.string().transform((value, issues) => {
  try {
    return Object.fromEntries(
      value.split(",").map((pair) => {
        const [, name, text] = /^\s*([\w.-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
        if (name === undefined || text === undefined) throw new Error("no pair");
        return [name, decodeURIComponent(text)] as const;
      }),
    );
  } catch {
    issues.addIssue({ code: "custom", message: "must be name=value with commas between, values percent-encoded" });
    return z.NEVER;
  }
});

const share = z
  .string()
  .regex(/^\d?(\.\d{1,9})?$/, "must be a number from 0 to 1")
  .transform(Number)
  .refine((part) => part <= 1, "must be a number from 0 to 1");

/** The path of a file with certificates; gives what it holds. */
const certificates = z.string().transform((file, issues) => {
  try {
    const text = readFileSync(file, "utf8");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
    issues.addIssue({ code: "custom", message: "is a file without a certificate in PEM form" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    issues.addIssue({ code: "custom", message: `is a file that cannot be read (${code ?? "unknown"})` });
  }
  return z.NEVER;
});

const siteUrl = httpUrl("must be an http or https address without a path")
  .refine((v) => /^https?:\/\/[^/?#@]+\/?$/.test(v), "must be an http or https address without a path")
  .transform((v) => v.replace(/\/$/, ""));

/**
 * Every setting: variable, shape, default and meaning; the place here is the place in the configuration. docs/operations.md
 * has the same rows, which a test compares. What one setting takes from others stands in `complete`.
 */
// prettier-ignore
export const TABLE = {
  isProduction: setting("NODE_ENV", text.transform((v) => v === "production"), "development", "`production` refuses weak set-ups: no `SESSION_KEYS`, keys under 32 characters, an API key under 16, a `PUBLIC_URL` that is neither https nor localhost"),
  host: optional("HOST", text, "`127.0.0.1`; in production every interface when `PORT` is given", "127.0.0.1", "where the web process listens"),
  port: setting("PORT", whole(1, 65_535), "3000", "where the web process listens"),
  workerPort: optional("WORKER_PORT", whole(1, 65_535), "none", "9091", "where a worker shows its `/healthz` and `/metrics`, at `HOST` or else `127.0.0.1`; each worker of one machine needs a port of its own"),
  keepAliveTimeoutMs: setting("KEEP_ALIVE_TIMEOUT_MS", whole(1000, 3_600_000), "65000", "how long an idle connection stays open: longer than the proxy in front keeps it, which would else send a request on one that is being closed"),
  publicUrl: optional("PUBLIC_URL", siteUrl, "`http://localhost:$PORT`", "https://login.example.com", "how browsers and Authy reach it; decides secure cookies and allowed origins"),
  languages: setting("LANGUAGES", languages, LANGUAGES.join(","), "the languages of pages, pushes and messages, with commas between; the first is for whoever asks for none of them: `en` (English), `de` (German), `es` (Spanish), `ar` (Arabic)"),
  registration: setting("REGISTRATION", oneOf(["open", "closed"]), "open", "`open` or `closed`: whether anybody may create an account"),
  trustedProxies: setting("TRUST_PROXY", whole(0, 10), "0", "number of reverse proxies in front whose `X-Forwarded-For` is believed, 0 to 10"),
  hstsSubdomains: setting("HSTS_SUBDOMAINS", flag, "false", "under https, whether `Strict-Transport-Security` names every subdomain of `PUBLIC_URL`, too; browsers remember it for a year"),
  sessionKeys: optionalSecret("SESSION_KEYS", keys, "made once and kept under `.data/` in development; required in production", "a text of 32 random characters or more", "comma-separated; the first signs, all verify"),
  databaseUrl: setting("DATABASE_URL", databaseUrl, "sqlite:.data/countersign.sqlite", "`sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/NAME` and its other forms (below)"),
  databasePoolSize: setting("DATABASE_POOL_SIZE", whole(1, 1000), "10", "the most connections to PostgreSQL of one process"),
  redis: {
    url: setting("REDIS_URL", redisUrl, "redis://127.0.0.1:6379", "pub/sub, queue, counters: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `rediss://…` for TLS, `redis+sentinel://…`, `redis+cluster://…`, or the path of a unix socket"),
    ca: optional("REDIS_CA", certificates, "none", "/etc/countersign/redis-ca.pem", "for `rediss://` with a certificate that only its owner's authority has signed: the path of that authority's certificate (PEM)"),
    isVerified: setting("REDIS_TLS_VERIFY", flag, "true", "for `rediss://`: `false` takes any certificate, where a platform signs its own and gives no authority; encrypted, whoever answers"),
  },
  appName: optional("APP_NAME", text, "`$AUTHY_APP_NAME`, or `Countersign`", "Acme", "what pages, phones and authenticator apps call this site"),
  factors: optional("FACTORS", factors, "`authy,phone,passkey,totp`; in production without `phone` while `VAPID_KEYS` is not set, and without `totp` while `SECRET_KEYS` is not", "authy,phone,passkey,totp", "what people may add beside their password, the first offer first: `authy` (a tap in the Authy app), `phone` (a page of our own on the phone, docs/phone.md), `passkey` (docs/passkeys.md), `totp` (the code of any authenticator app). What somebody has of a type that is not named opens nothing; recovery codes do"),
  passkeyAlone: setting("PASSKEY_ALONE", flag, "true", "whether a passkey signs in with nothing beside it, offered with the field for the username; else only after the password"),
  phoneVerification: setting("PHONE_VERIFICATION", oneOf(["preferred", "off", "required"]), "preferred", "`preferred`, `off` or `required`: whether a phone of our own asks for fingerprint, face or PIN before each approval, where it can, never, or so that no phone is added that cannot; decided when the phone is added"),
  secretKeys: optionalSecret("SECRET_KEYS", secretKeys, "made once and kept under `.data/` in development; required in production while `FACTORS` names `totp`", "43 characters of base64url", "seal the secrets of authenticator apps in the database: 32 random bytes each in base64url, comma-separated; the first seals, all open"),
  logLevel: setting("LOG_LEVEL", oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]), "info", "`trace` to `fatal`, or `silent`; `warn` silences request lines"),
  authy: {
    appName: ofAuthy(required("AUTHY_APP_NAME", text, "Acme", "the name of the application in the Authy console; like all of `AUTHY_*` only while `FACTORS` names `authy`")),
    appId: ofAuthy(required("AUTHY_APP_ID", text, "359137", "the serial number of the application in the Authy console")),
    apiKey: ofAuthy(required("AUTHY_PRODUCTION_API_KEY", text, "the key shown in the Authy console", "the production API key of the application in the Authy console")),
    previousApiKey: ofAuthy(optionalSecret("AUTHY_PREVIOUS_API_KEY", text, "none", "the key that was replaced in the Authy console", "while keys change: the former one, with which callbacks may still be signed")),
    apiUrl: ofAuthy(setting("AUTHY_API_URL", httpUrl("must be an http or https address").transform((v) => v.replace(/\/+$/, "")), "https://api.authy.com", "the sandbox in development")),
    callbackUrl: ofAuthy(optional("AUTHY_CALLBACK_URL", httpUrl("must be the exact http or https address entered in the console"), "`$PUBLIC_URL/webhooks/authy/onetouch`", "https://login.example.com/webhooks/authy/onetouch", "the exact text entered in the console: the signature covers it")),
    webhookUrl: ofAuthy(optional("AUTHY_WEBHOOK_URL", httpUrl("must be the exact http or https address of the webhook"), "`$PUBLIC_URL/webhooks/authy/events`", "https://login.example.com/webhooks/authy/events", "the exact URL of the Authy webhook")),
    webhookSigningKey: ofAuthy(optionalSecret("AUTHY_WEBHOOK_SIGNING_KEY", text, "none", "WSK_…", "`WSK_…` (any text is taken); without it the endpoint answers 404")),
    previousWebhookSigningKey: ofAuthy(optionalSecret("AUTHY_PREVIOUS_WEBHOOK_SIGNING_KEY", text, "none", "WSK_…", "while keys change: the former one, with which events may still be signed")),
    qrPrefix: ofAuthy(setting("AUTHY_QR_PREFIX", z.string().regex(/^[a-z][a-z0-9+.-]*:\S+$/i, "must be the address that stands before the token"), "authy://account?token=", "what stands before the registration token in the QR code")),
  },
  push: {
    keys: optionalSecret("VAPID_KEYS", vapidKeys, "in development made from the first of `SESSION_KEYS`; required in production while `FACTORS` names `phone`", "43 characters of base64url", "private P-256 keys by which push services know us: 32 random bytes each in base64url, comma-separated; the first is for new subscriptions, all may send"),
    subject: optional("VAPID_SUBJECT", vapidSubject, "`PUBLIC_URL` where that is https", "mailto:ops@example.com", "where push services reach you when our pushes trouble them: a `mailto:` or `https:` address; Apple refuses localhost, `.local` and numeric ones"),
    hosts: optional("PUSH_HOSTS", pushHosts, "none", "push.example.org,*.example.net", "push services that phones may be notified through besides those of the browsers: names, `*.name`, or `*` for any public one; comma-separated"),
  },
  mail: {
    server: optional("SMTP_URL", smtpUrl, "none", "smtp://user:password@mail.example.com:587", "the mail server: `smtp://USER:PASSWORD@HOST:587` (STARTTLS is required unless the host is loopback) or `smtps://…`; without it nothing of mail exists: its addresses answer 404 and no page mentions them"),
    from: optional("MAIL_FROM", sender, "required with `SMTP_URL`", "Acme <login@example.com>", "who messages are from: `Name <address>`"),
  },
  rules: {
    approvalTtlSeconds: setting("APPROVAL_TTL_SECONDS", whole(5, 3600), "120", "life of a push, 5 to 3600; attempt and session outlive it"),
    registrationTtlSeconds: setting("REGISTRATION_TTL_SECONDS", whole(5, 3600), "300", "life of a QR code, 5 to 3600"),
    attemptTtlSeconds: setting("ATTEMPT_TTL_SECONDS", seconds, "900", "how long a right password stays good for new requests, codes and the button, beyond the push itself"),
    approvedTtlSeconds: setting("APPROVED_TTL_SECONDS", whole(1, 3600), "60", "how long an approval may be spent, and its answer repeated"),
    gateTicketSeconds: setting("GATE_TICKET_SECONDS", whole(1, 600), "60", "how long a browser may take from here to a site behind the gate, 1 to 600"),
    stepUpTtlSeconds: setting("STEP_UP_TTL_SECONDS", seconds, "300", "how long an approved act may be done, once"),
    freshPasswordSeconds: setting("FRESH_PASSWORD_SECONDS", seconds, "300", "a phone is added only with a password as fresh as this"),
    sessionIdleSeconds: setting("SESSION_IDLE_SECONDS", seconds, "1800", "a session ends when it is not used for so long"),
    sessionMaxSeconds: setting("SESSION_MAX_SECONDS", seconds, "43200", "and after so long in any case, without *keep me signed in*"),
    rememberSeconds: setting("REMEMBER_DAYS", whole(1, 365).transform((days) => days * 86_400), "30", "life of a session with *keep me signed in*, 1 to 365"),
    matchCode: setting("MATCH_CODE", oneOf(["never", "new-browser", "always"]), "new-browser", "`never`, `new-browser` or `always`: when the code shown on the phone must be typed"),
    passwordMinLength: setting("PASSWORD_MIN_LENGTH", whole(1, 64), "12", "characters of a new password, 1 to 64"),
    factorLimit: setting("LIMIT_FACTORS", limit, "10", "ways to sign in of one account, beside its password"),
    moveFromAuthy: setting("MOVE_FROM_AUTHY", oneOf(["offer", "require", "off"]), "offer", "`offer`, `require` or `off`: whether people for whom Authy alone rings are asked to approve in a phone's own page instead, while `FACTORS` names both"),
    pushLimit: setting("LIMIT_PUSHES", limit, "10", "pushes per person since the last success"),
    resendLimit: setting("LIMIT_RESENDS", limit, "3", "resends per attempt"),
    resendWindowSeconds: setting("RESEND_WINDOW_SECONDS", seconds, "600", "the window in which `LIMIT_RESENDS` counts"),
    resendAfterSeconds: setting("RESEND_AFTER_SECONDS", whole(0, 3600), "30", "pause before a resend"),
    pushFreezeSeconds: setting("PUSH_FREEZE_SECONDS", seconds, "900", "after a denial, how long unknown browsers may send no request"),
    failureLimit: setting("LIMIT_FAILURES", limit, "100", "wrong passwords and codes that are judged at all between two successes"),
    failureWaitSeconds: setting("FAILURE_WAIT_SECONDS", whole(0, 3600), "30", "the pause after the fifth failure, then doubling"),
    failureWaitMaxSeconds: setting("FAILURE_WAIT_MAX_SECONDS", whole(0, 86_400), "3600", "the longest pause after failures"),
    loginFloorMs: setting("LOGIN_FLOOR_MS", whole(0, 5000), "120", "the least time that a refusal takes, so that its time tells nothing"),
    pollFirstMs: setting("POLL_FIRST_MS", ms, "2000", "the first pause between polls of one push"),
    pollMaxMs: setting("POLL_MAX_MS", ms, "5000", "the longest pause between polls of one push"),
    pollFirstWithCallbacksMs: setting("POLL_FIRST_WITH_CALLBACKS_MS", ms, "12000", "the first pause while callbacks are seen to arrive"),
    pollRegistrationMs: setting("POLL_REGISTRATION_MS", ms, "1500", "the pause between looks at an enrolment, twice as long after a minute"),
    resetTtlSeconds: setting("RESET_TTL_SECONDS", seconds, "1800", "life of a link for a new password"),
    verifyTtlSeconds: setting("VERIFY_TTL_SECONDS", seconds, "86400", "life of a link that confirms an address"),
    mailsPerAccount: setting("LIMIT_MAILS_PER_ACCOUNT", limit, "5", "messages an hour to one account that anybody can cause: links for a new password, and confirmations. Notices of real changes are neither counted nor dropped"),
    mailRetrySeconds: setting("MAIL_RETRY_SECONDS", pauses, "10,60,300,900,3600", "pauses after the first, second … failed try to send a message; the last one again and again, for a day"),
    closeGraceSeconds: setting("CLOSE_GRACE_DAYS", days(0, 365), "7", "how long an account that its owner has closed can be taken back by signing in, in days, `0` to `365`, fractions allowed; it is erased an hour later at the latest"),
    mailSilenceSeconds: setting("MAIL_SILENCE_SECONDS", whole(1, 120), "30", "how long the mail server may take to greet, or be silent; a conversation ends after twice as long in any case"),
    textMessages: setting("TEXT_MESSAGES", flag, "false", "whether a person may ask for a code by text message"),
  },
  limits: {
    streamsPerSession: setting("LIMIT_STREAMS_PER_SESSION", limit, "3", "open event streams of one session or attempt"),
    streamsPerUser: setting("LIMIT_STREAMS_PER_USER", limit, "6", "open event streams of one account"),
    streamsPerAddress: setting("LIMIT_STREAMS_PER_ADDRESS", limit, "20", "open event streams of one address"),
    streams: setting("LIMIT_STREAMS", limit, "20000", "open event streams of one process"),
    loginsPerAddressAndMinute: setting("LIMIT_LOGINS_PER_ADDRESS", limit, "60", "password attempts per minute and address"),
    loginsPerMinute: setting("LIMIT_LOGINS", limit, "6000", "password attempts per minute in all"),
    registrationsPerAddressAndHour: setting("LIMIT_REGISTRATIONS_PER_ADDRESS", limit, "20", "registrations per hour and address"),
    mailsPerAddressAndHour: setting("LIMIT_MAILS_PER_ADDRESS", limit, "20", "messages an hour that one client address can cause"),
    phoneRequestsPerAddress: setting("LIMIT_PHONE_REQUESTS_PER_ADDRESS", limit, "100", "requests of phones of our own within ten seconds, per address"),
    upstreamPerSecond: setting("LIMIT_UPSTREAM_PER_SECOND", whole(1, 1000), "50", "polls to Authy in all, for the whole fleet; at least `1`"),
    hashesQueued: setting("LIMIT_HASHES_QUEUED", whole(1, 10_000), "64", "passwords that may wait to be judged; the next one gets 503; at least `1`"),
    authorizationsPerAddressAndMinute: setting("LIMIT_AUTHORIZATIONS_PER_ADDRESS", limit, "120", "requests for a sign-in at an application, per minute and address"),
    deviceCodesPerHour: setting("LIMIT_DEVICE_CODES", limit, "10", "device codes an hour that one address may ask for, and that one account may look up"),
    loopLagShedMs: setting("LOOP_LAG_SHED_MS", whole(0, 60_000), "200", "above this lag of the event loop new forms get 503; callbacks and sign-ins under way go on"),
  },
  oidc: {
    tokenSeconds: setting("OIDC_TOKEN_SECONDS", whole(30, 86_400), "600", "life of ID tokens and access tokens, 30 to 86400"),
    refreshSeconds: setting("OIDC_REFRESH_DAYS", whole(1, 365).transform((days) => days * 86_400), "30", "life of a refresh token with all that follow it, 1 to 365"),
    keySeconds: setting("OIDC_KEY_DAYS", whole(2, 3650).transform((days) => days * 86_400), "90", "how long a key signs ID tokens before the next one does, 2 to 3650"),
  },
  traces: {
    isOff: setting("OTEL_SDK_DISABLED", flag, "false", "`true` sends no traces, whatever else is set"),
    endpoint: optional("OTEL_EXPORTER_OTLP_ENDPOINT", httpUrl("must be an http or https address"), "none", "http://127.0.0.1:4318", "where a collector takes traces by OTLP over HTTP (below); without it nothing is traced"),
    url: optional("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", httpUrl("must be an http or https address"), "`$OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces`", "http://127.0.0.1:4318/v1/traces", "the whole address, where it is another one"),
    protocol: setting("OTEL_EXPORTER_OTLP_PROTOCOL", text, "http/json", "`http/json`, the only one that is spoken here"),
    headers: optionalSecret("OTEL_EXPORTER_OTLP_HEADERS", pairs, "none", "authorization=Bearer%20TOKEN", "headers for the collector: `name=value`, comma-separated, values percent-encoded"),
    serviceName: setting("OTEL_SERVICE_NAME", text, "countersign", "what traces call this program; host and process id stand beside it"),
    resource: optional("OTEL_RESOURCE_ATTRIBUTES", pairs, "none", "deployment.environment=staging", "more about this process: `name=value`, comma-separated"),
    sampler: setting("OTEL_TRACES_SAMPLER", oneOf(["always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"]), "parentbased_always_on", "which attempts are traced; `traceidratio` takes the part that `OTEL_TRACES_SAMPLER_ARG` says, the same ones in every process"),
    share: setting("OTEL_TRACES_SAMPLER_ARG", share, "1", "from 0 to 1"),
  },
  streamRereadMs: setting("STREAM_REREAD_MS", ms, "2000", "how often the rows that somebody watches are read again"),
  streamHeartbeatMs: setting("STREAM_HEARTBEAT_MS", ms, "15000", "how often an open stream carries a comment"),
  reconcileMs: setting("RECONCILE_MS", ms, "1000", "how often a worker looks for lost polls, and for requests and attempts whose time is over"),
  drainWaitMs: setting("DRAIN_WAIT_MS", whole(0, 5000), "500", "after SIGTERM `/readyz` says 503 for so long before the process stops to accept: longer than your balancer takes to notice, at most `5000`"),
  argon2TestStrength: setting("ARGON2_TEST_STRENGTH", flag, "false", "for tests only; production refuses it"),
} as const;

export type Table = { readonly [name: string]: Setting<unknown> | Table };
export type Values<T> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : Values<T[K]> };
