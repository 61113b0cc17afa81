import { randomBytes } from "node:crypto";

/** Where the parts of a program find each other. */
export interface Addresses {
  /** How browsers and Authy reach it. */
  readonly publicUrl: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly sandboxUrl: string;
}

export interface EnvironmentChoices extends Addresses {
  readonly appName: string;
  /** Whether the sandbox tells of registrations by webhook. */
  readonly withWebhooks: boolean;
}

/**
 * The settings of web, worker and sandbox that make one program of them, all of them on this machine.
 * Its keys are new each time.
 */
export function programEnvironment(choices: EnvironmentChoices): Record<string, string> {
  const apiKey = randomBytes(16).toString("hex");
  const webhookKey = `WSK_${randomBytes(16).toString("hex")}`;
  const callbackUrl = `${choices.publicUrl}/webhooks/authy/onetouch`;
  const webhookUrl = `${choices.publicUrl}/webhooks/authy/events`;
  const appId = "359137";
  return {
    NODE_ENV: "development",
    LOG_LEVEL: "info",
    // The machine is shared with whatever else runs there: a moment without a processor is no overload.
    LOOP_LAG_SHED_MS: "0",
    PUBLIC_URL: choices.publicUrl,
    SESSION_KEYS: randomBytes(32).toString("hex"),
    SECRET_KEYS: randomBytes(32).toString("base64url"),
    DATABASE_URL: choices.databaseUrl,
    REDIS_URL: choices.redisUrl,
    AUTHY_APP_NAME: choices.appName,
    AUTHY_APP_ID: appId,
    AUTHY_PRODUCTION_API_KEY: apiKey,
    AUTHY_API_URL: choices.sandboxUrl,
    AUTHY_CALLBACK_URL: callbackUrl,
    AUTHY_WEBHOOK_URL: webhookUrl,
    AUTHY_WEBHOOK_SIGNING_KEY: webhookKey,
    SANDBOX_API_KEY: apiKey,
    SANDBOX_APP_ID: appId,
    SANDBOX_APP_NAME: choices.appName,
    SANDBOX_CALLBACK_URL: callbackUrl,
    ...(choices.withWebhooks ? { SANDBOX_WEBHOOK_URL: webhookUrl, SANDBOX_WEBHOOK_SIGNING_KEY: webhookKey } : {}),
  };
}

/** For tests: hashing that takes no time, and no limits that would only slow them down. */
export const TEST_SETTINGS: Readonly<Record<string, string>> = {
  ARGON2_TEST_STRENGTH: "true",
  LOGIN_FLOOR_MS: "0",
  LIMIT_LOGINS_PER_ADDRESS: "0",
  LIMIT_REGISTRATIONS_PER_ADDRESS: "0",
  RESEND_AFTER_SECONDS: "0",
};

/** Without Authy: any authenticator app alone, unless FACTORS says otherwise. An empty variable is none. */
export const WITHOUT_AUTHY: Readonly<Record<string, string>> = {
  FACTORS: "totp",
  APP_NAME: "Example",
  ...Object.fromEntries(
    ["APP_NAME", "APP_ID", "PRODUCTION_API_KEY", "API_URL", "CALLBACK_URL", "WEBHOOK_URL", "WEBHOOK_SIGNING_KEY"].map(
      (name) => [`AUTHY_${name}`, ""],
    ),
  ),
};

/** For crowds: no limit on what a person or a browser may do. */
export const NO_LIMITS: Readonly<Record<string, string>> = {
  LIMIT_RESENDS: "0",
  LIMIT_PUSHES: "0",
  LIMIT_LOGINS: "0",
  LIMIT_STREAMS_PER_ADDRESS: "0",
  LIMIT_STREAMS_PER_USER: "0",
  LIMIT_STREAMS_PER_SESSION: "0",
};

/** The log level, or `info` where it is one at which who settled what is not logged. */
export function informative(level = "info"): string {
  return ["trace", "debug", "info"].includes(level) ? level : "info";
}

/** Of the machine's own settings only where programs and temporary files are, and the mark of the test run. */
export function inheritedSettings(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "COUNTERSIGN_TEST_RUN"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
