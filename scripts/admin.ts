import { parseArgs } from "node:util";

import { ConfigError, loadConfig } from "../src/config.js";
import {
  disableAccount,
  enableAccount,
  resetTwoFactor,
  signOutEverywhere,
  unlock,
  verifyEmail,
} from "../src/domain/administer.js";
import type { Deps } from "../src/domain/deps.js";
import { type Factor, FACTOR_NAMES } from "../src/domain/factor.js";
import { removeFactorOf } from "../src/domain/manage-factors.js";
import type { Subscriber } from "../src/domain/subscriber.js";
import { createLog } from "../src/create-log.js";
import { createServices } from "../src/services.js";
import { CannotBeDone, type Command, find, type Given, type Report, WrongUse } from "./admin/command.js";
import { ACCOUNT_COMMANDS } from "./admin/accounts.js";
import { CALLBACK_COMMANDS, CALLBACKS } from "./admin/callbacks.js";
import { CLIENT_COMMANDS, SIGNING_KEYS } from "./admin/clients.js";
import { DATABASE, DATABASE_COMMANDS } from "./admin/database.js";
import { DOCTOR_COMMANDS, settingsFindings, whenReady } from "./admin/doctor.js";
import { GROUP_COMMANDS } from "./admin/groups.js";
import { KEY_COMMANDS } from "./admin/keys.js";
import { MAIL_COMMANDS } from "./admin/mail.js";
import { SITE_COMMANDS } from "./admin/sites.js";

const HELP = `Usage: npm run admin -- COMMAND [--json]

  user list                  the accounts
  user show NAME             one account: phone, recovery codes, sessions, pending challenges, recent history
  user reset-2fa NAME        remove the phone and the recovery codes, end all sessions
  user unlock NAME           clear failed tries, and end a pause of requests to the phone
  user sign-out NAME         end all sessions
  user disable NAME          end all sessions, and let nobody sign in with the account
  user enable NAME           undo that, and take back an account that its owner has closed
  user delete NAME --yes     erase the account with all that hangs on it, at once
  user export [--hashes]     the accounts as lines of JSON, with the hashes of passwords: what user import reads
  user import FILE           take the accounts of another system, all of a file or none (docs/operations.md)
  user verify-email NAME     tell applications that the address of the account is its owner's
  user reset-link NAME       print a link for a new password, for whoever stands at the desk
  group list                 the groups, with how many accounts are in each
  group add NAME USER...     put accounts into a group
  group remove NAME USER...  take accounts out of a group
  site list                  the applications behind the gate
  site show ORIGIN           one of them, with its history
  site add ORIGIN --name TEXT [--admit everyone|group:NAME]... [--level 1|2|3] [--max-age SECONDS]
                  [--public PATH]... [--allow-preflight]
                             protect an application; without --admit nobody passes
  site admit ORIGIN WHOM     let these pass too: everyone, or group:NAME
  site dismiss ORIGIN WHOM   let these pass no longer
  site remove ORIGIN         let nobody pass
  client add ID --name TEXT --redirect URL... [--logout-redirect URL...] [--back-channel URL] [--origin URL...]
         [--public|--native|--device|--key FILE] [--admit everyone|group:NAME...] [--level 1|2|3] [--max-age S]
         [--consent] [--offline]   add an application that speaks OpenID Connect; prints its secret once
  client list | show ID | remove ID
  client admit ID everyone|group:NAME, client dismiss ID everyone|group:NAME
  client rotate-secret ID [--overlap HOURS]   another secret; the former ones count for 24 more hours
  keys list                  the keys that sign ID tokens
  keys make session|secret|push   print a new key for SESSION_KEYS, SECRET_KEYS or VAPID_KEYS
  keys rotate [--now]        publish other keys, which sign from tomorrow on, or from now on
  factor list NAME           what protects an account beside its password
  factor remove NAME ID      remove one of these, end all sessions; with the last one the recovery codes end, too
  challenge list             pending challenges: requests that nobody has answered yet
  mail list                  messages that are due or were given up, the newest first
  mail test ADDRESS          send a message to try the mail server
  backup FILE                copy an SQLite database while it is in use; nothing is written over
  restore FILE               put such a copy in its place, while nothing runs; what was there is kept beside it
  callback replay FILE       judge a recorded callback of Authy again, and act on it; - reads standard input
  history                    what operators did to the database, to keys, and with callbacks
  doctor                     look at the whole installation, and say what to mend (doctor --help)

  --json                     print JSON
  --help                     this text

Exit code 0: done. 1: failed. 2: wrong command. 78: wrong settings.
`;

const ONE_WORD = new Set(["doctor", "backup", "restore", "history"]);

const COMMANDS: Readonly<Record<string, Command>> = {
  ...ACCOUNT_COMMANDS,
  ...GROUP_COMMANDS,
  ...MAIL_COMMANDS,
  ...SITE_COMMANDS,
  ...CLIENT_COMMANDS,
  ...DOCTOR_COMMANDS,
  ...DATABASE_COMMANDS,
  ...KEY_COMMANDS,
  ...CALLBACK_COMMANDS,
  history: {
    words: 0,
    run: async ({ deps }) => {
      const about = [DATABASE, SIGNING_KEYS, CALLBACKS];
      const events = await Promise.all(
        about.map(async (id) => (await deps.audit.listOfApplication(id, 50)).map((event) => ({ ...event, about: id }))),
      );
      const newest = events.flat().sort((one, other) => other.at.getTime() - one.at.getTime());
      const rows = newest.map(({ at, about, kind, detail }) => ({ at, about, what: kind, how: detail }));
      return { rows, message: rows.length === 0 ? "Nothing was done yet." : "" };
    },
  },
  "user list": {
    words: 0,
    run: async ({ deps }) => {
      const rows: Record<string, unknown>[] = [];
      for (let offset = 0; ; offset += 500) {
        const some = await deps.subscribers.list(offset, 500);
        for (const one of some) rows.push(await accountRow(deps, one));
        if (some.length < 500) return { rows, message: rows.length === 0 ? "There are no accounts." : "" };
      }
    },
  },
  "user show": {
    words: 1,
    run: async ({ deps }, _config, [name = ""]) => {
      const subscriber = await find(deps, name);
      const [live, activity, sessions] = await Promise.all([
        deps.challenges.findLiveOfSubscriber(subscriber.id),
        deps.audit.list(subscriber.id, { limit: 20 }),
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
  },
  "user reset-2fa": {
    words: 1,
    run: async (services, _config, [name = ""]) => {
      const { deps } = services;
      const subscriber = await find(deps, name);
      if (!(await resetTwoFactor(deps, subscriber)))
        throw new CannotBeDone(`${subscriber.username} has no phone enrolled.`);
      await services.feed.sessionsEnded();
      return {
        rows: [await accountRow(deps, subscriber)],
        message: "Removed the phone and the recovery codes; all sessions have ended.",
      };
    },
  },
  "user unlock": {
    words: 1,
    run: async ({ deps }, _config, [name = ""]) => {
      const subscriber = await find(deps, name);
      await unlock(deps, subscriber);
      return {
        rows: [await accountRow(deps, subscriber)],
        message: "Cleared failed tries; requests go to the phone again.",
      };
    },
  },
  "user sign-out": {
    words: 1,
    run: async (services, _config, [name = ""]) => {
      const { deps } = services;
      const subscriber = await find(deps, name);
      await signOutEverywhere(deps, subscriber);
      await services.feed.sessionsEnded();
      return { rows: [await accountRow(deps, subscriber)], message: "All sessions have ended." };
    },
  },
  "user verify-email": {
    words: 1,
    run: async ({ deps }, _config, [name = ""]) => {
      const subscriber = await find(deps, name);
      await verifyEmail(deps, subscriber);
      return {
        rows: [await accountRow(deps, await find(deps, name))],
        message: `Applications are told that ${subscriber.email} is theirs.`,
      };
    },
  },
  "user disable": {
    words: 1,
    run: async (services, _config, [name = ""]) => {
      const { deps } = services;
      const subscriber = await find(deps, name);
      if (!(await disableAccount(deps, subscriber)))
        throw new CannotBeDone(`${subscriber.username} is disabled already.`);
      await services.feed.sessionsEnded();
      return {
        rows: [await accountRow(deps, await find(deps, name))],
        message: "Nobody can sign in with it; all sessions have ended.",
      };
    },
  },
  "user enable": {
    words: 1,
    run: async ({ deps }, _config, [name = ""]) => {
      const subscriber = await find(deps, name);
      if (!(await enableAccount(deps, subscriber)))
        throw new CannotBeDone(`${subscriber.username} is neither disabled nor closed.`);
      return { rows: [await accountRow(deps, await find(deps, name))], message: "It can be signed in with again." };
    },
  },
  "factor list": {
    words: 1,
    run: async ({ deps }, _config, [name = ""]) => {
      const { id, username } = await find(deps, name);
      const rows = (await deps.factors.listActive(id)).map(factorRow);
      return { rows, message: rows.length === 0 ? `${username} has nothing but a password.` : "" };
    },
  },
  "factor remove": {
    words: 2,
    run: async (services, _config, [name = "", id = ""]) => {
      const { deps } = services;
      const subscriber = await find(deps, name);
      if (!(await removeFactorOf(deps, subscriber, id)))
        throw new CannotBeDone(`${subscriber.username} has no such factor. Run \`factor list\` to see them.`);
      await services.feed.sessionsEnded();
      const rows = (await deps.factors.listActive(subscriber.id)).map(factorRow);
      return { rows, message: "Removed it; all sessions have ended." };
    },
  },
  "challenge list": {
    words: 0,
    run: async ({ deps }) => {
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
      return { rows, message: rows.length === 0 ? "No pending challenges." : "" };
    },
  },
};

function factorRow({ id, type, label, createdAt, lastUsedAt }: Factor) {
  return { id, type: FACTOR_NAMES[type], label, createdAt, lastUsedAt };
}

async function accountRow(
  deps: Deps,
  { id, username, email, createdAt, pushFrozenUntil, mustChangePassword, ...subscriber }: Subscriber,
) {
  return {
    username,
    email,
    phone: (await deps.factors.listActive(id)).length === 0 ? "none" : "enrolled",
    recoveryCodes: await deps.recoveryCodes.countLeft(id),
    pausedUntil: pushFrozenUntil !== null && pushFrozenUntil > deps.now() ? pushFrozenUntil : null,
    mustChangePassword,
    emailVerifiedAt: subscriber.emailVerifiedAt,
    disabledAt: subscriber.disabledAt,
    closedAt: subscriber.closedAt,
    groups: (await deps.memberships.list(id)).join(","),
    createdAt,
  };
}

/** Prints rows as tables: consecutive rows with the same columns share one. */
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

interface Called {
  readonly command: Command;
  readonly words: readonly string[];
  readonly given: Given;
}

/** The command that the arguments name, with what follows it. @throws WrongUse for anything else. */
function calledBy(args: readonly string[]): Called | { readonly help: string } {
  const options = { json: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
  const { positionals } = parseArgs({ args: [...args], strict: false, options });
  const name = positionals.slice(0, ONE_WORD.has(positionals[0] ?? "") ? 1 : 2).join(" ");
  const command = COMMANDS[name];
  const unknown = new WrongUse(args.length === 0 ? "" : `Unknown command: ${args.join(" ")}`);
  if (command === undefined && !args.some((word) => word === "--help" || word === "-h")) throw unknown;
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options: { ...options, ...command?.options } });
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : "");
  }
  if (parsed.values.help === true) return { help: command?.help ?? HELP };
  const words = parsed.positionals.slice(name.split(" ").length);
  const isComplete = command?.words === null ? words.length > 1 : words.length === command?.words;
  if (command === undefined || !isComplete) throw unknown;
  return { command, words, given: parsed.values };
}

function print({ rows, message, isForMachines }: Report, asJson: boolean): void {
  if (asJson) console.log(JSON.stringify(rows, null, 2));
  else {
    if (isForMachines === true) for (const row of rows) console.log(JSON.stringify(row));
    else printTables(rows);
    if (message !== undefined && message !== "") console.log(message);
  }
}

async function main(): Promise<number> {
  const called = calledBy(process.argv.slice(2));
  if ("help" in called) {
    console.log(called.help);
    return 0;
  }
  const { command, words, given } = called;
  let config;
  try {
    config = loadConfig(process.env);
  } catch (error) {
    if (command === COMMANDS["doctor"] && error instanceof ConfigError && given["json"] === true)
      print({ rows: settingsFindings(error) }, true);
    throw error;
  }
  const services = createServices(config, createLog("silent", "admin"));
  try {
    if (command.database === undefined) await services.open(AbortSignal.abort());
    else if (command.database === "perhaps") await services.open(AbortSignal.abort()).catch(() => undefined);
    await whenReady(services.redis);
    const report = await command.run(services, config, words, given);
    print(report, given["json"] === true);
    return report.hasFailed === true ? 1 : 0;
  } catch (error) {
    if (!(error instanceof CannotBeDone)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    await services.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof WrongUse) {
      console.error([error.message, HELP].filter((text) => text !== "").join("\n\n"));
      process.exit(2);
    }
    console.error(
      error instanceof ConfigError ? error.message : `Failed: ${error instanceof Error ? error.message : ""}`,
    );
    process.exit(error instanceof ConfigError ? ConfigError.exitCode : 1);
  },
);
