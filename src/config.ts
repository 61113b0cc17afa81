import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

import { redisAddress } from "./redis/address.js";

type Env = Record<string, string | undefined>;

/** A setting that cannot be used: the variable, what is wrong with it, and a value that would do. */
export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
  readonly example: string;
}

/** Every problem of an environment at once. The process that meets it exits with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  static readonly exitCode = 78;
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(
      [
        "The settings cannot be used:",
        ...problems.map((p) => `  ${p.variable}: ${p.problem} (example: ${p.example})`),
      ].join("\n"),
    );
  }
}

const SHORT_SECRETS = new Set(["changeme", "secret", "password", "example", "test", "your-api-key", "xxx"]);

/** A whole number between `min` and `max`; `0` is allowed beside them where it means "no limit". */
function whole(min: number, max: number, fallback: number) {
  return z
    .string()
    .regex(/^\d{1,12}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be a whole number from ${min} to ${max}`)
    .default(fallback);
}

const text = (hint: string) => z.string({ error: hint }).trim().min(1, hint);

function httpUrl(hint: string) {
  return z.string().refine((value) => {
    try {
      const url = new URL(value);
      return (url.protocol === "http:" || url.protocol === "https:") && url.hash === "" && !/\s/.test(value);
    } catch {
      return false;
    }
  }, hint);
}

const flag = z
  .enum(["true", "false"], { error: "must be true or false" })
  .transform((v) => v === "true")
  .default(false);

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

const count = (fallback: number) => whole(0, 1_000_000, fallback);
const seconds = (fallback: number) => whole(1, 31_536_000, fallback);
const ms = (fallback: number) => whole(1, 3_600_000, fallback);

const shape = {
  NODE_ENV: z.string().optional(),
  HOST: text("must be a host name or address").default("127.0.0.1"),
  PORT: whole(1, 65_535, 3000),
  PUBLIC_URL: httpUrl("must be an http or https address without a path")
    .refine((v) => /^https?:\/\/[^/?#@]+\/?$/.test(v), "must be an http or https address without a path")
    .transform((v) => v.replace(/\/$/, ""))
    .optional(),
  TRUST_PROXY: whole(0, 10, 0),
  SESSION_KEYS: z
    .string()
    .transform((v) => v.split(",").map((k) => k.trim()))
    .refine((keys) => keys.join("") !== "", "is empty")
    .refine((keys) => keys.join("") === "" || keys.every((k) => k.length > 0), "has an empty key between its commas")
    .optional(),
  DATABASE_URL: z
    .string()
    .refine(
      (v) => /^sqlite:(?!:)[^\0]*[^\s\0]/.test(v) || (/^postgres(ql)?:\/\/\S+$/.test(v) && URL.canParse(v)),
      "must be sqlite:PATH or postgres://…",
    )
    .default("sqlite:.data/countersign.sqlite"),
  REDIS_URL: z
    .string()
    .superRefine((value, issues) => {
      try {
        redisAddress(value);
      } catch (error) {
        issues.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" });
      }
    })
    .default("redis://127.0.0.1:6379"),
  REDIS_CA: certificates.optional(),
  AUTHY_APP_NAME: text("is missing: the name of the application in the Authy console"),
  AUTHY_APP_ID: text("is missing: the serial number of the application in the Authy console"),
  AUTHY_PRODUCTION_API_KEY: text("is missing: the production API key of the application in the Authy console"),
  AUTHY_API_URL: httpUrl("must be an http or https address")
    .transform((v) => v.replace(/\/+$/, ""))
    .default("https://api.authy.com"),
  AUTHY_CALLBACK_URL: httpUrl("must be the exact http or https address entered in the console").optional(),
  AUTHY_WEBHOOK_URL: httpUrl("must be the exact http or https address of the webhook").optional(),
  AUTHY_PREVIOUS_API_KEY: z.string().min(1, "is set but empty: give the key or leave the variable out").optional(),
  AUTHY_PREVIOUS_WEBHOOK_SIGNING_KEY: z
    .string()
    .min(1, "is set but empty: give the key or leave the variable out")
    .optional(),
  AUTHY_WEBHOOK_SIGNING_KEY: z.string().min(1, "is set but empty: give the key or leave the variable out").optional(),
  AUTHY_QR_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9+.-]*:\S+$/i, "must be the address that stands before the token")
    .default("authy://account?token="),
  APPROVAL_TTL_SECONDS: whole(5, 3600, 120),
  REGISTRATION_TTL_SECONDS: whole(5, 3600, 300),
  REMEMBER_DAYS: whole(1, 365, 30),
  MATCH_CODE: z
    .enum(["never", "new-browser", "always"], { error: "must be never, new-browser or always" })
    .default("new-browser"),
  PASSWORD_MIN_LENGTH: whole(1, 64, 12),
  LIMIT_STREAMS_PER_SESSION: count(3),
  LIMIT_STREAMS_PER_USER: count(6),
  LIMIT_STREAMS_PER_ADDRESS: count(20),
  LIMIT_STREAMS: count(20_000),
  LIMIT_PUSHES: count(10),
  LIMIT_RESENDS: count(3),
  RESEND_AFTER_SECONDS: whole(0, 3600, 30),
  LIMIT_LOGINS_PER_ADDRESS: count(60),
  LIMIT_REGISTRATIONS_PER_ADDRESS: count(20),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"], {
      error: "must be trace, debug, info, warn, error, fatal or silent",
    })
    .default("info"),
  // The lifetimes and budgets of the threat model; docs/operations.md says what each is for.
  ATTEMPT_TTL_SECONDS: seconds(900),
  APPROVED_TTL_SECONDS: whole(1, 3600, 60),
  STEP_UP_TTL_SECONDS: seconds(300),
  FRESH_PASSWORD_SECONDS: seconds(300),
  SESSION_IDLE_SECONDS: seconds(1800),
  SESSION_MAX_SECONDS: seconds(43_200),
  RESEND_WINDOW_SECONDS: seconds(600),
  PUSH_FREEZE_SECONDS: seconds(900),
  LIMIT_FAILURES: count(100),
  FAILURE_WAIT_SECONDS: whole(0, 3600, 30),
  FAILURE_WAIT_MAX_SECONDS: whole(0, 86_400, 3600),
  LIMIT_LOGINS: count(6000),
  LOGIN_FLOOR_MS: whole(0, 5000, 120),
  POLL_FIRST_MS: ms(2000),
  POLL_MAX_MS: ms(5000),
  POLL_FIRST_WITH_CALLBACKS_MS: ms(12_000),
  POLL_REGISTRATION_MS: ms(1500),
  LIMIT_UPSTREAM_PER_SECOND: whole(1, 1000, 50),
  STREAM_REREAD_MS: ms(2000),
  STREAM_HEARTBEAT_MS: ms(15_000),
  RECONCILE_MS: ms(1000),
  DRAIN_WAIT_MS: whole(0, 5000, 500),
  LIMIT_HASHES_QUEUED: whole(1, 10_000, 64),
  LOOP_LAG_SHED_MS: whole(0, 60_000, 200),
  TEXT_MESSAGES: flag,
  ARGON2_TEST_STRENGTH: flag,
} as const;

const EXAMPLES: Readonly<Record<string, string>> = {
  HOST: "127.0.0.1",
  PORT: "3000",
  PUBLIC_URL: "https://login.example.com",
  TRUST_PROXY: "1",
  SESSION_KEYS: "a text of 32 random characters or more",
  DATABASE_URL: "postgres://countersign@localhost/countersign",
  REDIS_URL: "redis://127.0.0.1:6379",
  REDIS_CA: "/etc/countersign/redis-ca.pem",
  AUTHY_APP_NAME: "Acme",
  AUTHY_APP_ID: "359137",
  AUTHY_PRODUCTION_API_KEY: "the key shown in the Authy console",
  AUTHY_API_URL: "https://api.authy.com",
  AUTHY_CALLBACK_URL: "https://login.example.com/webhooks/authy/onetouch",
  AUTHY_WEBHOOK_URL: "https://login.example.com/webhooks/authy/events",
  AUTHY_WEBHOOK_SIGNING_KEY: "WSK_…",
  AUTHY_PREVIOUS_API_KEY: "the key that was replaced in the Authy console",
  AUTHY_PREVIOUS_WEBHOOK_SIGNING_KEY: "WSK_…",
  AUTHY_QR_PREFIX: "authy://account?token=",
  MATCH_CODE: "new-browser",
  LOG_LEVEL: "info",
  TEXT_MESSAGES: "false",
  ARGON2_TEST_STRENGTH: "false",
};

const schema = z.object(shape);
type Parsed = z.output<typeof schema>;

/** The settings of every process, frozen; fields carry their unit. */
export type Config = Readonly<ReturnType<typeof assemble>>;

/**
 * Reads the environment once and names every problem at the same time.
 *
 * @param env - Normally `process.env`. Empty variables count as absent, except secrets, where empty is a mistake.
 * @param developmentKeys - Gives the session keys when none are set and this is not production.
 * @throws ConfigError with one line for each variable that cannot be used.
 */
export function loadConfig(env: Env, developmentKeys: () => string[] = keptSessionKeys): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name in shape && (value !== "" || SECRETS.has(name))),
  );
  const parsed = schema.safeParse(given);
  const problems: ConfigProblem[] = parsed.success
    ? []
    : parsed.error.issues.map((issue) => problem(String(issue.path[0]), issue.message));
  if (given["REDIS_CA"] !== undefined && !/^rediss:/i.test(given["REDIS_URL"] ?? ""))
    problems.push(problem("REDIS_CA", "is for an encrypted connection: REDIS_URL must begin with rediss://"));
  problems.push(...productionProblems(env, new Set(problems.map((p) => p.variable))));
  if (!parsed.success || problems.length > 0) throw new ConfigError(onePerVariable(problems));
  return Object.freeze(assemble(parsed.data, parsed.data.SESSION_KEYS ?? developmentKeys()));
}

const SECRETS = new Set([
  "SESSION_KEYS",
  "AUTHY_PRODUCTION_API_KEY",
  "AUTHY_WEBHOOK_SIGNING_KEY",
  "AUTHY_PREVIOUS_API_KEY",
  "AUTHY_PREVIOUS_WEBHOOK_SIGNING_KEY",
]);

/** A key made once and kept under `.data/`, so that a restart in development signs nobody out. */
function keptSessionKeys(): string[] {
  const file = path.join(".data", "session-key");
  try {
    return [readFileSync(file, "utf8").trim()];
  } catch {
    mkdirSync(".data", { recursive: true, mode: 0o700 });
    try {
      writeFileSync(file, randomBytes(32).toString("hex"), { mode: 0o600, flag: "wx" });
    } catch {
      // Web and worker may start together: whoever came second reads what the first one wrote.
    }
    return [readFileSync(file, "utf8").trim()];
  }
}

function problem(variable: string, message: string): ConfigProblem {
  return { variable, problem: message, example: EXAMPLES[variable] ?? defaultOf(variable) };
}

/** A variable's default is an example of what would do. */
function defaultOf(variable: string): string {
  const fallback = schema.partial().safeParse({}).data?.[variable as keyof Parsed];
  return fallback === undefined ? "see the documentation" : String(fallback);
}

function onePerVariable(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return [...new Map(problems.map((p) => [p.variable, p] as const).reverse()).values()].reverse();
}

/** What production refuses although development takes it. */
function productionProblems(env: Env, known: ReadonlySet<string>): ConfigProblem[] {
  if (env["NODE_ENV"] !== "production") return [];
  const found: ConfigProblem[] = [];
  const refuse = (variable: string, message: string): void => {
    if (!known.has(variable)) found.push(problem(variable, message));
  };
  const keys = env["SESSION_KEYS"]?.split(",").map((k) => k.trim());
  if (keys === undefined || keys.join("") === "") refuse("SESSION_KEYS", "is required in production");
  else if (keys.some((k) => k.length < 32)) refuse("SESSION_KEYS", "has a key under 32 characters");
  else if (keys.some((k) => new Set(k).size < 8)) refuse("SESSION_KEYS", "has a key that is not random");
  const apiKey = env["AUTHY_PRODUCTION_API_KEY"] ?? "";
  if (apiKey.length < 16) refuse("AUTHY_PRODUCTION_API_KEY", "is under 16 characters");
  else if (SHORT_SECRETS.has(apiKey.toLowerCase()) || new Set(apiKey).size < 6)
    refuse("AUTHY_PRODUCTION_API_KEY", "is an example, not a key");
  const publicUrl = env["PUBLIC_URL"] ?? "";
  if (publicUrl !== "" && !/^https:\/\//.test(publicUrl) && !isLocal(publicUrl))
    refuse("PUBLIC_URL", "must be https in production, unless it is localhost");
  if (env["ARGON2_TEST_STRENGTH"] === "true") refuse("ARGON2_TEST_STRENGTH", "is for tests only");
  return found;
}

function isLocal(url: string): boolean {
  try {
    return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname);
  } catch {
    return false;
  }
}

function keys(present: string, previous: string | undefined): readonly string[] {
  return previous === undefined ? [present] : [present, previous];
}

function assemble(env: Parsed, sessionKeys: readonly string[]) {
  const publicUrl = env.PUBLIC_URL ?? `http://localhost:${env.PORT}`;
  return {
    isProduction: env.NODE_ENV === "production",
    host: env.HOST,
    port: env.PORT,
    publicUrl,
    isHttps: publicUrl.startsWith("https:"),
    trustedProxies: env.TRUST_PROXY,
    sessionKeys,
    databaseUrl: env.DATABASE_URL,
    redis: redisAddress(env.REDIS_URL, env.REDIS_CA),
    logLevel: env.LOG_LEVEL,
    authy: {
      appName: env.AUTHY_APP_NAME,
      appId: env.AUTHY_APP_ID,
      apiKey: env.AUTHY_PRODUCTION_API_KEY,
      apiUrl: env.AUTHY_API_URL,
      callbackUrl: env.AUTHY_CALLBACK_URL ?? `${publicUrl}/webhooks/authy/onetouch`,
      webhookUrl: env.AUTHY_WEBHOOK_URL ?? `${publicUrl}/webhooks/authy/events`,
      /** The keys that a callback may be signed with: during a change of keys the former one too. */
      callbackKeys: keys(env.AUTHY_PRODUCTION_API_KEY, env.AUTHY_PREVIOUS_API_KEY),
      /** Empty while events are switched off. */
      webhookSigningKeys:
        env.AUTHY_WEBHOOK_SIGNING_KEY === undefined
          ? []
          : keys(env.AUTHY_WEBHOOK_SIGNING_KEY, env.AUTHY_PREVIOUS_WEBHOOK_SIGNING_KEY),
      qrPrefix: env.AUTHY_QR_PREFIX,
    },
    rules: {
      appName: env.AUTHY_APP_NAME,
      approvalTtlSeconds: env.APPROVAL_TTL_SECONDS,
      registrationTtlSeconds: env.REGISTRATION_TTL_SECONDS,
      attemptTtlSeconds: env.ATTEMPT_TTL_SECONDS,
      approvedTtlSeconds: env.APPROVED_TTL_SECONDS,
      stepUpTtlSeconds: env.STEP_UP_TTL_SECONDS,
      freshPasswordSeconds: env.FRESH_PASSWORD_SECONDS,
      sessionIdleSeconds: env.SESSION_IDLE_SECONDS,
      sessionMaxSeconds: env.SESSION_MAX_SECONDS,
      rememberSeconds: env.REMEMBER_DAYS * 86_400,
      matchCode: env.MATCH_CODE,
      passwordMinLength: env.PASSWORD_MIN_LENGTH,
      pushLimit: env.LIMIT_PUSHES,
      resendLimit: env.LIMIT_RESENDS,
      resendAfterSeconds: env.RESEND_AFTER_SECONDS,
      resendWindowSeconds: env.RESEND_WINDOW_SECONDS,
      pushFreezeSeconds: env.PUSH_FREEZE_SECONDS,
      failureLimit: env.LIMIT_FAILURES,
      failureWaitSeconds: env.FAILURE_WAIT_SECONDS,
      failureWaitMaxSeconds: env.FAILURE_WAIT_MAX_SECONDS,
      loginFloorMs: env.LOGIN_FLOOR_MS,
      pollFirstMs: env.POLL_FIRST_MS,
      pollMaxMs: env.POLL_MAX_MS,
      pollFirstWithCallbacksMs: env.POLL_FIRST_WITH_CALLBACKS_MS,
      pollRegistrationMs: env.POLL_REGISTRATION_MS,
      textMessages: env.TEXT_MESSAGES,
    },
    limits: {
      streamsPerSession: env.LIMIT_STREAMS_PER_SESSION,
      streamsPerUser: env.LIMIT_STREAMS_PER_USER,
      streamsPerAddress: env.LIMIT_STREAMS_PER_ADDRESS,
      streams: env.LIMIT_STREAMS,
      loginsPerAddressAndMinute: env.LIMIT_LOGINS_PER_ADDRESS,
      loginsPerMinute: env.LIMIT_LOGINS,
      registrationsPerAddressAndHour: env.LIMIT_REGISTRATIONS_PER_ADDRESS,
      upstreamPerSecond: env.LIMIT_UPSTREAM_PER_SECOND,
      hashesQueued: env.LIMIT_HASHES_QUEUED,
      loopLagShedMs: env.LOOP_LAG_SHED_MS,
    },
    streamRereadMs: env.STREAM_REREAD_MS,
    streamHeartbeatMs: env.STREAM_HEARTBEAT_MS,
    reconcileMs: env.RECONCILE_MS,
    drainWaitMs: env.DRAIN_WAIT_MS,
    argon2TestStrength: env.ARGON2_TEST_STRENGTH,
  };
}
