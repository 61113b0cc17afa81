import { readFile } from "node:fs/promises";

import type { LineProblem } from "../../src/domain/account-file.js";
import { OPERATOR } from "../../src/domain/administer.js";
import { eraseAccount } from "../../src/domain/close-account.js";
import { importAccounts } from "../../src/domain/import-accounts.js";
import { CannotBeDone, type Command, find, WrongUse } from "./command.js";
import { DATABASE } from "./database.js";

const PAGE = 500;

/** How accounts end, and come from elsewhere. */
export const ACCOUNT_COMMANDS: Readonly<Record<string, Command>> = {
  "user delete": {
    words: 1,
    options: { yes: { type: "boolean" } },
    run: async (services, _config, [name = ""], given) => {
      const { deps } = services;
      const subscriber = await find(deps, name);
      if (given["yes"] !== true)
        throw new WrongUse(`This erases ${subscriber.username} for good. Say so with --yes, or use \`user disable\`.`);
      if (!(await eraseAccount(deps, subscriber, OPERATOR)))
        throw new CannotBeDone(`${subscriber.username} is gone already.`);
      await services.feed.sessionsEnded();
      return { rows: [], message: `Erased ${subscriber.username}, with all that hung on the account.` };
    },
  },
  "user export": {
    words: 0,
    options: { hashes: { type: "boolean" } },
    run: async ({ deps }, _config, _words, given) => {
      const rows: Record<string, unknown>[] = [];
      // First, so that nothing leaves unseen.
      const how = given["hashes"] === true ? "with hashes" : "";
      await deps.audit.recordOfApplication(DATABASE, "accounts-exported", deps.now(), how);
      for (let offset = 0; ; offset += PAGE) {
        const some = await deps.subscribers.list(offset, PAGE);
        for (const { username, email, passwordHash, disabledAt, closedAt } of some)
          // Whoever has closed an account is not brought along to another system.
          if (closedAt === null)
            rows.push({
              ...{ name: username, email },
              ...(given["hashes"] === true ? { hash: passwordHash } : {}),
              ...(disabledAt === null ? {} : { disabled: true }),
            });
        if (some.length < PAGE) return { rows, isForMachines: true };
      }
    },
  },
  "user import": {
    words: 1,
    run: async ({ deps }, _config, [file = ""]) => {
      const text = await readFile(file, "utf8").catch((error: unknown) => {
        throw new CannotBeDone(`"${file}" cannot be read: ${error instanceof Error ? error.message : ""}`);
      });
      const imported = await importAccounts(deps, text);
      if ("taken" in imported)
        return {
          rows: [{ taken: imported.taken }],
          message: "All of them are taken. Each password is hashed anew when its owner first signs in.",
        };
      const rows = imported.problems.map(({ line, reason }) => ({ line, reason: wordsFor(reason) }));
      return { rows, hasFailed: true, message: "Nothing of the file was taken." };
    },
  },
};

/** What is wrong with a line, for the operator. */
function wordsFor(reason: LineProblem["reason"]): string {
  switch (reason.code) {
    case "empty":
      return "the file is empty";
    case "not-json":
      return "this is not JSON";
    case "not-an-object":
      return "this is no object";
    case "quotes":
      return "a quotation mark is astray";
    case "fields":
      return `${reason.found} fields, ${reason.expected} in the header; put what has commas in it into quotation marks`;
    case "key-unknown":
      return `"${reason.key}" is not known here, or stands twice: name, email, hash, disabled`;
    case "key-missing":
      return `there is no ${reason.key}`;
    case "key-not-text":
      return `${reason.key} is no text`;
    case "twice":
      return `the name stands in line ${reason.firstLine} already`;
    case "exists":
      return "there is such an account already";
    case "name":
      return NAME_PROBLEMS[reason.problem];
    case "email":
      return "this is no e-mail address";
    case "hash-form":
      return "the hash has no form that is known here";
    case "hash-cost":
      return "the hash costs too much to judge";
  }
}

const NAME_PROBLEMS = {
  missing: "the name is empty",
  length: "the name has fewer than 2 or more than 32 characters",
  characters: "the name has other characters than letters, digits, dots, dashes and underscores",
  taken: "the name is taken",
} as const;
