import path from "node:path";

import { informative, programEnvironment } from "../../test/kit/environment.js";
import type { Ports } from "./addresses.js";

export interface EnvironmentChoices {
  readonly ports: Ports;
  readonly redisUrl: string;
  readonly dataFolder: string;
  /** A story of its own: nothing of the person's database, keys or public address is used. */
  readonly isOnce: boolean;
  readonly withWebhooks: boolean;
}

/** What the processes are started with: the person's own settings, and what makes them find each other. */
export function demoEnvironment(
  own: NodeJS.ProcessEnv,
  { ports, redisUrl, dataFolder, isOnce, withWebhooks }: EnvironmentChoices,
): NodeJS.ProcessEnv {
  const given = Object.fromEntries(
    Object.entries(own).filter(([name, value]) => !name.startsWith("npm_") && value !== ""),
  );
  const ownDatabase = `sqlite:${path.join(dataFolder, "countersign.sqlite")}`;
  const { SESSION_KEYS, SECRET_KEYS, LOOP_LAG_SHED_MS, ...program } = programEnvironment({
    publicUrl: (!isOnce && given["PUBLIC_URL"]) || `http://localhost:${ports.web}`,
    databaseUrl: isOnce ? ownDatabase : (given["DATABASE_URL"] ?? ownDatabase),
    redisUrl,
    sandboxUrl: `http://127.0.0.1:${ports.sandbox}`,
    appName: given["AUTHY_APP_NAME"] ?? "Countersign demo",
    withWebhooks,
  });
  return {
    LOOP_LAG_SHED_MS,
    SMTP_URL: `smtp://127.0.0.1:${ports.smtp}`,
    MAIL_FROM: "Countersign demo <demo@localhost>",
    ...given,
    ...program,
    // Detail goes to the log files, and the demo reads there who settled what.
    LOG_LEVEL: informative(given["LOG_LEVEL"]),
    ...(isOnce ? { SESSION_KEYS, SECRET_KEYS } : {}),
    SANDBOX_SMTP_PORT: String(ports.smtp),
    SANDBOX_STATE: path.join(dataFolder, "sandbox.json"),
  };
}
