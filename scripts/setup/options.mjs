import process from "node:process";
import { parseArgs } from "node:util";
import { COMMANDS } from "./commands.mjs";
import { SetupError } from "./messages.mjs";

const WRONG_USAGE = 64; // EX_USAGE of sysexits.h

const NUMBERS = {
  "a number": /^\d{1,9}(\.\d+)?$/,
  "a whole number": /^\d{1,9}$/,
  "a whole number from 1 on": /^[1-9]\d{0,8}$/,
};

/**
 * Reads a command's options as its table in commands.mjs has them: the set-up before any work is done, to refuse what is
 * wrong, and the command's own script for the values.
 * @returns the values by name, and `help` when it was asked for.
 * @throws SetupError with exit code 64 for an option that the command doesn't have, or a value it doesn't take.
 */
export function readOptions(name, given = process.argv.slice(2)) {
  const { options: table, needs = {}, positionals: allowPositionals = false } = COMMANDS[name];
  const options = { ...table, help: { type: "boolean", short: "h" } };
  let values;
  try {
    ({ values } = parseArgs({ args: given, options, allowPositionals, strict: true }));
  } catch (error) {
    throw wrongUsage(error.message.split(". To specify")[0]);
  }
  for (const [option, { values: allowed, several = false, number }] of Object.entries(options)) {
    const value = values[option];
    if (value === undefined) continue;
    if (allowed !== undefined && !(several ? value.split(",") : [value]).every((each) => allowed.includes(each)))
      throw wrongUsage(`--${option} takes ${allowed.join(" or ")}, not '${value}'`);
    if (number === undefined) continue;
    if (!NUMBERS[number].test(value)) throw wrongUsage(`--${option} takes ${number}, not '${value}'`);
    values[option] = Number(value);
  }
  for (const [option, needed] of Object.entries(needs))
    if (values[option] && !values[needed]) throw wrongUsage(`--${option} goes with --${needed} only`);
  return { ...values };
}

function wrongUsage(problem) {
  return new SetupError(`${problem}. See --help.`, WRONG_USAGE);
}
