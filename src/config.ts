import { createHmac, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import path from "node:path";

import { FACTOR_TYPES, type FactorType } from "./domain/factor.js";
import { redisAddress } from "./redis/address.js";
import { type Setting, type Table, TABLE, type Values } from "./settings.js";

type Env = Readonly<Record<string, string | undefined>>;

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

/** The settings of every process, frozen; fields carry their unit. */
export type Config = Readonly<ReturnType<typeof complete>>;

/**
 * Reads the environment once and names every problem at the same time. Blanks and line ends around a value count for
 * nothing: secrets that come from files often end with one.
 *
 * @param env - Normally `process.env`. Empty variables count as absent, except secrets, where empty is a mistake.
 * @param developmentKeys - Gives the keys of a kind when none are set and this is not production.
 * @throws ConfigError with one line for each variable that cannot be used.
 */
export function loadConfig(
  env: Env,
  developmentKeys: (name: "session-key" | "secret-key") => string[] = keptKeys,
): Config {
  const problems: ConfigProblem[] = [];
  const factors = factorsIn(env);
  const given = valuesOf(TABLE, (setting) => {
    if (setting.onlyFor !== undefined && !factors.includes(setting.onlyFor)) return undefined;
    const read = readSetting(setting, env);
    if ("problem" in read) problems.push(problemWith(setting, read.problem));
    return "value" in read ? read.value : undefined;
  });
  for (const problem of [...togetherProblems(given, factors), ...productionProblems(given, factors)])
    if (!problems.some(({ variable }) => variable === problem.variable)) problems.push(problem);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(complete(given, factors, textOf(TABLE.port, env) !== undefined, developmentKeys));
}

/** Every row of docs/operations.md: variable, default, meaning. */
export function documentedSettings(): string[] {
  const rows: string[] = [];
  valuesOf(TABLE, ({ variable, documentedDefault, meaning }) => {
    rows.push(`| \`${variable}\` | ${documentedDefault} | ${meaning} |`);
  });
  return rows;
}

function isSetting(entry: Setting<unknown> | Table): entry is Setting<unknown> {
  return typeof entry["variable"] === "string";
}

function valuesOf<T extends Table>(table: T, valueOf: (setting: Setting<unknown>) => unknown): Values<T> {
  return Object.fromEntries(
    Object.entries(table).map(([name, entry]) => [name, isSetting(entry) ? valueOf(entry) : valuesOf(entry, valueOf)]),
  ) as Values<T>;
}

/** A variable's text without what surrounds it; undefined when it counts as not set. */
function textOf({ variable, isSecret }: Setting<unknown>, env: Env): string | undefined {
  const given = env[variable]?.trim();
  return given === "" && !isSecret ? undefined : given;
}

function problemWith({ variable, example }: Setting<unknown>, problem: string): ConfigProblem {
  return { variable, problem, example };
}

function readSetting(setting: Setting<unknown>, env: Env): { value: unknown } | { problem: string } {
  const given = textOf(setting, env) ?? setting.fallback;
  if (given === null) return setting.isRequired ? { problem: `is missing: ${setting.meaning}` } : { value: undefined };
  if (given === "") return { problem: "is set but empty: give a value or leave the variable out" };
  if (/[\r\n]/.test(given)) return { problem: "has a line break inside: it must be one line" };
  const parsed = setting.shape.safeParse(given);
  return parsed.success ? { value: parsed.data } : { problem: parsed.error.issues[0]?.message ?? "cannot be used" };
}

/** What each is good for itself and cannot stand beside another. Settings that could not be read are undefined here. */
function togetherProblems(given: Values<typeof TABLE>, factors: readonly FactorType[]): ConfigProblem[] {
  const { redis, mail } = given;
  const url = redis.url as string | undefined;
  const found: ConfigProblem[] = [];
  const isEncrypted = url === undefined || /^rediss(\+(sentinel|cluster))?:/i.test(url);
  if (redis.ca !== undefined && !isEncrypted)
    found.push(problemWith(TABLE.redis.ca, "is for an encrypted connection: REDIS_URL must begin with rediss://"));
  const isUnverified = (redis.isVerified as boolean | undefined) === false;
  // Whoever reads it as a way to do without encryption is told so.
  if (isUnverified && !isEncrypted)
    found.push(
      problemWith(TABLE.redis.isVerified, "is for an encrypted connection: REDIS_URL must begin with rediss://"),
    );
  if (isUnverified && redis.ca !== undefined)
    found.push(
      problemWith(TABLE.redis.isVerified, "is false, and REDIS_CA names an authority to verify with: leave one out"),
    );
  if (mail.server !== undefined && mail.from === undefined)
    found.push(problemWith(TABLE.mail.from, "is missing: with SMTP_URL, who messages are from"));
  const { traces } = given;
  if ((traces.endpoint ?? traces.url) !== undefined && traces.protocol !== "http/json")
    found.push(problemWith(TABLE.traces.protocol, "must be http/json: traces are sent in no other form"));
  const isPortRead = (given.port as number | undefined) !== undefined;
  const why = isPortRead ? passkeyProblem(publicUrlOf(given)) : null;
  if (why !== null && factors.every((type) => type === "passkey"))
    found.push(problemWith(TABLE.factors, `names passkeys alone, which cannot work here: ${why}`));
  if (why !== null && factors.includes("phone") && given.phoneVerification === "required")
    found.push(problemWith(TABLE.phoneVerification, `cannot be required here: ${why}`));
  return found;
}

function publicUrlOf({ publicUrl, port }: Values<typeof TABLE>): string {
  return publicUrl ?? `http://localhost:${port}`;
}

/** Why browsers would make no passkeys for this address; null where they do. */
function passkeyProblem(publicUrl: string): string | null {
  const { protocol, hostname } = new URL(publicUrl);
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return "PUBLIC_URL has an address in place of a name";
  return protocol === "https:" || hostname === "localhost" ? null : "PUBLIC_URL is not https";
}

/** What production refuses although development takes it. Settings that could not be read are undefined here. */
function productionProblems(given: Values<typeof TABLE>, factors: readonly FactorType[]): ConfigProblem[] {
  if (!given.isProduction) return [];
  const found: ConfigProblem[] = [];
  const refuse = (setting: Setting<unknown>, problem: string): void => {
    found.push(problemWith(setting, problem));
  };
  const sessionKeys = given.sessionKeys ?? [];
  if (sessionKeys.length === 0) refuse(TABLE.sessionKeys, "is required in production");
  else if (sessionKeys.some((key) => key.length < 32)) refuse(TABLE.sessionKeys, "has a key under 32 characters");
  else if (sessionKeys.some((key) => new Set(key).size < 8)) refuse(TABLE.sessionKeys, "has a key that is not random");
  if (factors.includes("totp") && given.secretKeys === undefined)
    refuse(TABLE.secretKeys, "is required in production while FACTORS names totp");
  if (factors.includes("phone") && given.push.keys === undefined)
    refuse(TABLE.push.keys, "is required in production while FACTORS names phone");
  const apiKey = (given.authy.apiKey as string | undefined) ?? "";
  if (factors.includes("authy-push")) {
    if (apiKey.length < 16) refuse(TABLE.authy.apiKey, "is under 16 characters");
    else if (new Set(apiKey).size < 6) refuse(TABLE.authy.apiKey, "is an example, not a key");
  }
  if (given.publicUrl?.startsWith("http:") === true && !isLocal(given.publicUrl))
    refuse(TABLE.publicUrl, "must be https in production, unless it is localhost");
  if (given.argon2TestStrength) refuse(TABLE.argon2TestStrength, "is for tests only");
  return found;
}

function isLocal(url: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname);
}

/**
 * The types of factor that people may add. Where nothing names them they are all, but for those that need a key which
 * production has not got: an upgrade must not keep a process from starting.
 */
function factorsIn(env: Env): readonly FactorType[] {
  const read = readSetting(TABLE.factors, env);
  if ("value" in read && read.value !== undefined) return read.value as readonly FactorType[];
  const keys: Partial<Record<FactorType, Setting<unknown>>> = { phone: TABLE.push.keys, totp: TABLE.secretKeys };
  const isProduction = env["NODE_ENV"]?.trim() === "production";
  return FACTOR_TYPES.filter((type) => {
    const key = keys[type];
    return !isProduction || key === undefined || textOf(key, env) !== undefined;
  });
}

/** What was given, and what follows from it. */
function complete(
  given: Values<typeof TABLE>,
  factors: readonly FactorType[],
  isPortGiven: boolean,
  developmentKeys: (name: "session-key" | "secret-key") => string[],
) {
  const sessionKeys = given.sessionKeys ?? developmentKeys("session-key");
  const publicUrl = publicUrlOf(given);
  const withoutPasskeys = factors.includes("passkey") ? passkeyProblem(publicUrl) : null;
  return {
    ...given,
    /** null means every interface, as platforms expect that give a port to a production process. */
    host: given.host ?? (given.isProduction && isPortGiven ? null : "127.0.0.1"),
    publicUrl,
    isHttps: publicUrl.startsWith("https:"),
    sessionKeys,
    push: {
      hosts: given.push.hosts ?? [],
      subject: given.push.subject ?? (publicUrl.startsWith("https:") ? publicUrl : null),
      keys: given.push.keys ?? [developmentVapidKey(sessionKeys[0] ?? "")],
    },
    factors: withoutPasskeys === null ? factors : factors.filter((type) => type !== "passkey"),
    /** What unlocks an approval is kept as passkeys are. */
    phoneVerification: passkeyProblem(publicUrl) === null ? given.phoneVerification : ("off" as const),
    /** Why passkeys are left out although they are wanted; null where they are not, or not wanted. */
    withoutPasskeys,
    /** Empty while nothing is sealed with them. */
    secretKeys: factors.includes("totp")
      ? (given.secretKeys ?? developmentKeys("secret-key").map((key) => Buffer.from(key, "base64url")))
      : [],
    /** null while nobody signs in with Authy. */
    authy: factors.includes("authy-push") ? completeAuthy(given.authy, publicUrl) : null,
    /** null while there is no mail server. */
    mail:
      given.mail.server === undefined || given.mail.from === undefined
        ? null
        : { server: given.mail.server, from: given.mail.from },
    redis: redisAddress(given.redis.url, given.redis.ca, given.redis.isVerified),
    /** null while nobody collects traces. */
    traces: tracesIn(given.traces),
    rules: { ...given.rules, appName: given.appName ?? (given.authy.appName || "Countersign") },
  };
}

function tracesIn({
  isOff,
  endpoint,
  url,
  headers,
  serviceName,
  resource,
  sampler,
  share,
}: Values<typeof TABLE>["traces"]) {
  const place = url ?? (endpoint && `${endpoint.replace(/\/+$/, "")}/v1/traces`);
  if (place === undefined || isOff || sampler.endsWith("always_off")) return null;
  return {
    url: place,
    headers: headers ?? {},
    resource: { ...resource, "service.name": serviceName, "service.instance.id": `${hostname()}:${process.pid}` },
    share: sampler.endsWith("traceidratio") ? share : 1,
  };
}

function completeAuthy(authy: Values<typeof TABLE>["authy"], publicUrl: string) {
  return {
    ...authy,
    callbackUrl: authy.callbackUrl ?? `${publicUrl}/webhooks/authy/onetouch`,
    webhookUrl: authy.webhookUrl ?? `${publicUrl}/webhooks/authy/events`,
    /** The keys that a callback may be signed with: during a change of keys the former one too. */
    callbackKeys: [authy.apiKey, authy.previousApiKey].filter((key) => key !== undefined),
    /** Empty while events are switched off. */
    webhookSigningKeys:
      authy.webhookSigningKey === undefined
        ? []
        : [authy.webhookSigningKey, authy.previousWebhookSigningKey].filter((key) => key !== undefined),
  };
}

/** The same at every start, so that phones need not subscribe anew. */
function developmentVapidKey(sessionKey: string): string {
  return createHmac("sha256", sessionKey).update("vapid").digest("base64url");
}

/** A key made once and kept under `.data/`, so that a restart in development signs nobody out and opens what was sealed. */
function keptKeys(name: "session-key" | "secret-key"): string[] {
  const file = path.join(".data", name);
  try {
    return [readFileSync(file, "utf8").trim()];
  } catch {
    mkdirSync(".data", { recursive: true, mode: 0o700 });
    try {
      writeFileSync(file, randomBytes(32).toString(name === "secret-key" ? "base64url" : "hex"), {
        mode: 0o600,
        flag: "wx",
      });
    } catch {
      // Web and worker may start together: whoever came second reads what the first one wrote.
    }
    return [readFileSync(file, "utf8").trim()];
  }
}
