import { randomBytes } from "node:crypto";
import path from "node:path";
import type { Ports } from "./addresses.js";

const INFORMATIVE_LEVELS = ["trace", "debug", "info"];

export interface EnvironmentChoices {
  readonly ports: Ports;
  readonly redisUrl: string;
  readonly dataFolder: string;
  /** A story of its own: nothing of the person's database, keys or public address is used. */
  readonly isOnce: boolean;
  readonly withWebhooks: boolean;
}

/** What the parts are started with: the person's own settings, and what makes them find each other. */
export function demoEnvironment(own: NodeJS.ProcessEnv, choices: EnvironmentChoices): NodeJS.ProcessEnv {
  const { ports, dataFolder, isOnce } = choices;
  const given = Object.fromEntries(
    Object.entries(own).filter(([name, value]) => !name.startsWith("npm_") && value !== ""),
  );
  const publicUrl = (!isOnce && given["PUBLIC_URL"]) || `http://localhost:${ports.web}`;
  const ownDatabase = `sqlite:${path.join(dataFolder, "countersign.sqlite")}`;
  const apiKey = randomBytes(16).toString("hex");
  const webhookKey = `WSK_${randomBytes(16).toString("hex")}`;
  const callbackUrl = `${publicUrl}/webhooks/authy/onetouch`;
  const webhookUrl = `${publicUrl}/webhooks/authy/events`;
  const appId = given["AUTHY_APP_ID"] ?? "359137";
  return {
    ...given,
    NODE_ENV: "development",
    // Detail goes to the log files, and the demo reads there who settled what.
    LOG_LEVEL: INFORMATIVE_LEVELS.includes(given["LOG_LEVEL"] ?? "") ? given["LOG_LEVEL"] : "info",
    // A demo shares its machine with whatever else runs there: a moment without a processor is no overload.
    LOOP_LAG_SHED_MS: given["LOOP_LAG_SHED_MS"] ?? "0",
    PUBLIC_URL: publicUrl,
    DATABASE_URL: isOnce ? ownDatabase : (given["DATABASE_URL"] ?? ownDatabase),
    REDIS_URL: choices.redisUrl,
    ...(isOnce ? { SESSION_KEYS: randomBytes(32).toString("hex") } : {}),
    AUTHY_APP_NAME: given["AUTHY_APP_NAME"] ?? "Countersign demo",
    AUTHY_APP_ID: appId,
    AUTHY_PRODUCTION_API_KEY: apiKey,
    AUTHY_API_URL: `http://127.0.0.1:${ports.sandbox}`,
    AUTHY_CALLBACK_URL: callbackUrl,
    AUTHY_WEBHOOK_URL: webhookUrl,
    AUTHY_WEBHOOK_SIGNING_KEY: webhookKey,
    SANDBOX_API_KEY: apiKey,
    SANDBOX_APP_ID: appId,
    SANDBOX_APP_NAME: given["AUTHY_APP_NAME"] ?? "Countersign demo",
    SANDBOX_CALLBACK_URL: callbackUrl,
    SANDBOX_STATE: path.join(dataFolder, "sandbox.json"),
    ...(choices.withWebhooks ? { SANDBOX_WEBHOOK_URL: webhookUrl, SANDBOX_WEBHOOK_SIGNING_KEY: webhookKey } : {}),
  };
}
