import type { ParseArgsConfig } from "node:util";

import type { Config } from "../../src/config.js";
import type { Deps } from "../../src/domain/deps.js";
import type { Subscriber } from "../../src/domain/subscriber.js";
import type { Services } from "../../src/services.js";

/** What a command prints: rows as tables, or as JSON, and one sentence for people. */
export interface Report {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly message?: string;
  readonly hasFailed?: boolean;
  /** Each row is a line of JSON, for another program to read. */
  readonly isForMachines?: boolean;
}

/** There is no such account, or nothing to do; the message is for the operator. */
export class CannotBeDone extends Error {}

/** The command was written wrongly: exit code 2, as for one that is unknown. */
export class WrongUse extends Error {}

/** What was given with dashes: a text, a truth, or several texts. */
export type Given = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/** One command of the operator. */
export interface Command {
  /** How many words follow its name; null for one or more after the first. */
  readonly words: number | null;
  readonly options?: ParseArgsConfig["options"];
  /** Where it is "perhaps", the command runs although the database cannot be opened; "not opened" leaves it alone. */
  readonly database?: "perhaps" | "not opened";
  /** What `--help` says about this command alone. */
  readonly help?: string;
  run(services: Services, config: Config, words: readonly string[], given: Given): Promise<Report>;
}

/** The account of that name. @throws CannotBeDone when there is none. */
export async function find({ subscribers }: Pick<Deps, "subscribers">, name: string): Promise<Subscriber> {
  const subscriber = await subscribers.findByName(name.normalize("NFKC").trim().toLowerCase());
  if (subscriber === null)
    throw new CannotBeDone(`There is no account named "${name}". Run \`user list\` to see all accounts.`);
  return subscriber;
}

/** One text that was given with dashes; empty without it. */
export function textOf(given: Given, name: string): string {
  const value = given[name];
  return typeof value === "string" ? value : "";
}

/** All texts that were given under one name. */
export function textsOf(given: Given, name: string): string[] {
  const value = given[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
