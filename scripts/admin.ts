import { parseArgs } from "node:util";

import { authyClient } from "../src/providers/authy/client.js";
import { type Config, ConfigError, loadConfig } from "../src/config.js";
import { resetTwoFactor, signOutEverywhere, unlock } from "../src/domain/administer.js";
import { type Deps } from "../src/domain/deps.js";
import { type Subscriber } from "../src/domain/subscriber.js";
import { openServices, createLog, type Services } from "../src/services.js";

const HELP = `Usage: npm run admin -- COMMAND [--json]

  user list             the accounts
  user show NAME        what protects an account, what waits for it, what happened lately
  user reset-2fa NAME   remove the phone and the recovery codes; sessions end
  user unlock NAME      forget failed tries and paused requests
  user sign-out NAME    end all sessions
  challenge list        the requests that wait for an answer
  doctor                look at database, migrations, Redis and Authy

  --json                for machines
  --help                this text

Exit code 0 when done, 1 when it could not be done, 2 for a wrong command, 78 for wrong settings.
`;

const REDIS_PATIENCE_MS = 1000;

/** What a command says: rows for a person as a table, or the same as JSON. */
interface Report {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly said?: string;
  readonly isBad?: boolean;
}

/** The name stands for no account, or nothing could be done; the message is for the operator. */
class Impossible extends Error {}

type Command = (services: Services, config: Config, name: string) => Promise<Report>;

const COMMANDS: Readonly<Record<string, Command>> = {
  "user list": async ({ deps }) => {
    const rows: Record<string, unknown>[] = [];
    for (let offset = 0; ; offset += 500) {
      const some = await deps.subscribers.list(offset, 500);
      for (const one of some) rows.push(await accountRow(deps, one));
      if (some.length < 500) return { rows, said: rows.length === 0 ? "There are no accounts." : "" };
    }
  },
  "user show": async ({ deps }, _config, name) => {
    const subscriber = await find(deps, name);
    const [live, activity, sessions] = await Promise.all([
      deps.challenges.findLiveOfSubscriber(subscriber.id),
      deps.audit.list(subscriber.id, 20),
      deps.sessions.list(subscriber.id, deps.now()),
    ]);
    return {
      rows: [
        await accountRow(deps, subscriber),
        ...sessions.map((s) => ({ session: s.browserLabel, from: s.address, level: s.level, seenAt: s.seenAt })),
        ...live.map((c) => ({ waits: c.state, from: c.createdAt, until: c.expiresAt })),
        ...activity.map((e) => ({ at: e.at, what: e.kind, how: e.detail, from: e.address, browser: e.browserLabel })),
      ],
    };
  },
  "user reset-2fa": async (services, _config, name) => {
    const { deps } = services;
    const subscriber = await find(deps, name);
    if (!(await resetTwoFactor(deps, subscriber)))
      throw new Impossible(`${subscriber.username} has no phone enrolled.`);
    await services.sessionsEnded();
    return {
      rows: [await accountRow(deps, subscriber)],
      said: "The phone and the recovery codes are removed; all sessions ended.",
    };
  },
  "user unlock": async ({ deps }, _config, name) => {
    const subscriber = await find(deps, name);
    await unlock(deps, subscriber);
    return {
      rows: [await accountRow(deps, subscriber)],
      said: "Failed tries are forgotten; requests go to the phone again.",
    };
  },
  "user sign-out": async (services, _config, name) => {
    const { deps } = services;
    const subscriber = await find(deps, name);
    await signOutEverywhere(deps, subscriber);
    await services.sessionsEnded();
    return { rows: [await accountRow(deps, subscriber)], said: "All sessions ended." };
  },
  "challenge list": async ({ deps }) => {
    const live = await deps.challenges.listLive(500);
    const rows = await Promise.all(
      live.map(async (c) => ({
        id: c.id,
        username: (await deps.subscribers.find(c.subscriberId))?.username ?? "",
        state: c.state,
        createdAt: c.createdAt,
        expiresAt: c.expiresAt,
        nextPollAt: c.nextPollAt,
      })),
    );
    return { rows, said: rows.length === 0 ? "Nothing waits." : "" };
  },
  doctor: async ({ database, redis }, config) => {
    const rows = [
      await examine("database", () => database.query("SELECT 1"), "check DATABASE_URL"),
      await examine(
        "migrations",
        async () => {
          if (await database.showMigrations()) throw new Error("pending");
        },
        "run `npm run migrate`",
      ),
      await examine(
        "redis",
        async () => {
          if (redis.status !== "ready") throw new Error("not connected");
          await redis.ping();
        },
        "check REDIS_URL",
      ),
      await examine(
        "authy",
        async () => {
          const { isSuccess, status } = await authyClient(config.authy.apiUrl, config.authy.apiKey)(
            "GET",
            "protected/json/app/details",
          );
          if (!isSuccess) throw new Error(`answered ${status}`);
        },
        "check AUTHY_API_URL and AUTHY_PRODUCTION_API_KEY",
      ),
    ];
    return { rows, isBad: rows.some(({ state }) => state !== "ok") };
  },
};

async function examine(what: string, look: () => Promise<unknown>, mend: string) {
  try {
    await look();
    return { what, state: "ok", why: "", mend: "" };
  } catch (error) {
    return { what, state: "bad", why: error instanceof Error ? error.message.slice(0, 120) : "", mend };
  }
}

async function find({ subscribers }: Pick<Deps, "subscribers">, name: string): Promise<Subscriber> {
  const subscriber = await subscribers.findByName(name.normalize("NFKC").trim().toLowerCase());
  if (subscriber === null) throw new Impossible(`There is no account named "${name}". \`user list\` shows them.`);
  return subscriber;
}

async function accountRow(
  deps: Deps,
  { id, username, email, createdAt, pushFrozenUntil, mustChangePassword }: Subscriber,
) {
  return {
    username,
    email,
    phone: (await deps.factors.findActive(id)) === null ? "none" : "enrolled",
    recoveryCodes: await deps.recoveryCodes.countLeft(id),
    pausedUntil: pushFrozenUntil !== null && pushFrozenUntil > deps.now() ? pushFrozenUntil : null,
    mustChangePassword,
    createdAt,
  };
}

/** Rows of one shape make one table; a new shape begins the next. */
function printTables(rows: Report["rows"]): void {
  const groups: Record<string, unknown>[][] = [];
  for (const row of rows) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && Object.keys(last[0]).join() === Object.keys(row).join()) last.push(row);
    else groups.push([row]);
  }
  for (const group of groups) {
    const names = Object.keys(group[0] ?? {});
    const cells = [names, ...group.map((row) => names.map((name) => cellText(row[name])))];
    const widths = names.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
    for (const line of cells)
      console.log(
        line
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join("  ")
          .trimEnd(),
      );
    console.log();
  }
}

function cellText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** The command that the words name, with the account it is for. */
function commandOf(words: readonly string[]): { run: Command; name: string } | null {
  const takesName = words[0] === "user" && words[1] !== "list";
  const named = COMMANDS[words.slice(0, words[0] === "doctor" ? 1 : 2).join(" ")];
  const expected = words[0] === "doctor" ? 1 : takesName ? 3 : 2;
  return named === undefined || words.length !== expected ? null : { run: named, name: words[2] ?? "" };
}

async function main(): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : ""}\n\n${HELP}`);
    return 2;
  }
  if (parsed.values.help === true) {
    console.log(HELP);
    return 0;
  }
  const command = commandOf(parsed.positionals);
  if (command === null) {
    console.error(
      parsed.positionals.length === 0 ? HELP : `There is no such command: ${parsed.positionals.join(" ")}\n\n${HELP}`,
    );
    return 2;
  }
  const config = loadConfig(process.env);
  const services = await openServices(config, createLog("silent", "admin"), () => true);
  try {
    await Promise.race([
      new Promise((resolve) => services.redis.once("ready", resolve)),
      new Promise((resolve) => setTimeout(resolve, REDIS_PATIENCE_MS)),
    ]);
    const { rows, said, isBad } = await command.run(services, config, command.name);
    if (parsed.values.json === true) console.log(JSON.stringify(rows, null, 2));
    else {
      printTables(rows);
      if (said !== undefined && said !== "") console.log(said);
    }
    return isBad === true ? 1 : 0;
  } catch (error) {
    if (!(error instanceof Impossible)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    await services.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(
      error instanceof ConfigError ? error.message : `Not done: ${error instanceof Error ? error.message : ""}`,
    );
    process.exit(error instanceof ConfigError ? ConfigError.exitCode : 1);
  },
);
