import { z } from "zod";

/** The settings of a sandbox. Times carry their unit in the name. */
export interface SandboxSettings {
  readonly host: string;
  readonly port: number;
  /** Where it takes messages by SMTP and shows them; null for nowhere. Always on loopback. */
  readonly smtpPort: number | null;
  /** The production API key of the one application that the sandbox knows. */
  readonly apiKey: string;
  readonly appName: string;
  /** Registration tokens for another application are refused when this is set. */
  readonly appId: number | null;
  readonly callbackUrl: string | null;
  readonly callbackMethod: "POST" | "GET";
  readonly webhookUrl: string | null;
  readonly webhookSigningKey: string | null;
  readonly dashboard: DashboardKeys | null;
  /** File that keeps the state between two runs; null keeps it in memory. */
  readonly statePath: string | null;
  readonly logLevel: LogLevel;
  /** Pauses before the second, third … attempt to deliver a callback. */
  readonly retryDelaysMs: readonly number[];
  readonly deliveryTimeoutMs: number;
}

/** The three keys of the dashboard API; none of them is the production API key. */
export interface DashboardKeys {
  readonly appApiKey: string;
  readonly accessKey: string;
  readonly signingKey: string;
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const DEFAULT_SETTINGS: Omit<SandboxSettings, "apiKey"> = {
  host: "127.0.0.1",
  port: 4001,
  smtpPort: null,
  appName: "Sandbox",
  appId: null,
  callbackUrl: null,
  callbackMethod: "POST",
  webhookUrl: null,
  webhookSigningKey: null,
  dashboard: null,
  statePath: null,
  logLevel: "info",
  retryDelaysMs: [250, 1_000, 4_000],
  deliveryTimeoutMs: 3_000,
};

/** The environment cannot be used; `problems` names every variable that is wrong, what is wrong, and an example. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "SettingsError";
  }
}

/**
 * Reads the sandbox's settings from the environment.
 *
 * @throws SettingsError with all problems at once.
 */
export function loadSettings(env: Readonly<Record<string, string | undefined>>): SandboxSettings {
  const problems: string[] = [];
  function read<T>(name: string, schema: z.ZodType<T, string>, fallback: T, wanted: string, example: string): T {
    const text = env[name]?.trim();
    if (text === undefined || text === "") return fallback;
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    problems.push(`${name} must be ${wanted}, for example ${name}=${example}`);
    return fallback;
  }
  const text = z.string().regex(/^[^\0\r\n]+$/);
  const url = z.string().refine(isHttpUrl);
  const optional = (name: string): string | null => read(name, text, null, "one line of text", "some-text");

  const apiKey = optional("SANDBOX_API_KEY");
  if (apiKey === null && !problems.some((problem) => problem.startsWith("SANDBOX_API_KEY")))
    problems.push(
      "SANDBOX_API_KEY is missing: the production API key that clients will send, for example SANDBOX_API_KEY=any-text-of-yours",
    );
  const settings: SandboxSettings = {
    ...DEFAULT_SETTINGS,
    host: read("SANDBOX_HOST", text.regex(/^\S+$/), "127.0.0.1", "a host name or address", "0.0.0.0"),
    port: read("SANDBOX_PORT", port, 4001, "a port number from 0 to 65535", "4001"),
    smtpPort: read("SANDBOX_SMTP_PORT", port, null, "a port number from 0 to 65535", "2525"),
    apiKey: apiKey ?? "",
    appName: optional("SANDBOX_APP_NAME") ?? DEFAULT_SETTINGS.appName,
    appId: read("SANDBOX_APP_ID", digits, null, "the digits of an application id", "359137"),
    callbackUrl: read(
      "SANDBOX_CALLBACK_URL",
      url,
      null,
      "an http or https address",
      "http://localhost:3000/webhooks/authy/onetouch",
    ),
    callbackMethod: read("SANDBOX_CALLBACK_METHOD", z.enum(["POST", "GET"]), "POST", "POST or GET", "POST"),
    webhookUrl: read(
      "SANDBOX_WEBHOOK_URL",
      url,
      null,
      "an http or https address",
      "http://localhost:3000/webhooks/authy/events",
    ),
    webhookSigningKey: optional("SANDBOX_WEBHOOK_SIGNING_KEY"),
    dashboard: dashboardKeys(optional, problems),
    statePath: read("SANDBOX_STATE", text, null, "the path of a file", ".data/sandbox.json"),
    logLevel: read("LOG_LEVEL", z.enum(LOG_LEVELS), "info", `one of ${LOG_LEVELS.join(", ")}`, "info"),
  };
  if (problems.length > 0) throw new SettingsError(problems);
  return Object.freeze(settings);
}

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((value) => value <= 65_535);
const digits = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}

function dashboardKeys(optional: (name: string) => string | null, problems: string[]): DashboardKeys | null {
  const names = [
    "SANDBOX_DASHBOARD_APP_API_KEY",
    "SANDBOX_DASHBOARD_ACCESS_KEY",
    "SANDBOX_DASHBOARD_SIGNING_KEY",
  ] as const;
  const [appApiKey, accessKey, signingKey] = names.map(optional);
  if (appApiKey && accessKey && signingKey) return { appApiKey, accessKey, signingKey };
  if (appApiKey || accessKey || signingKey)
    problems.push(`${names.join(", ")} go together: set all three or none, for example ${names[0]}=dash-app-key`);
  return null;
}
