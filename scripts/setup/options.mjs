import * as util from "node:util";
import { SetupError } from "./messages.mjs";

const WRONG_USAGE = 64; // EX_USAGE of sysexits.h

/**
 * Reads a command's options before any work is done for it.
 * @returns the values by name, and `help` when it was asked for.
 * @throws SetupError with exit code 64 for an option that the command doesn't have, or a value it doesn't take.
 */
export function readOptions(command, given) {
  const options = { ...command.options, help: { type: "boolean", short: "h" } };
  let values;
  try {
    ({ values } = util.parseArgs({
      args: given,
      options,
      allowPositionals: command.positionals === true,
      strict: true,
    }));
  } catch (error) {
    throw wrongUsage(error.message.split(". To specify")[0]);
  }
  for (const [name, { values: allowed }] of Object.entries(options)) {
    if (allowed !== undefined && values[name] !== undefined && !allowed.includes(values[name])) {
      throw wrongUsage(`--${name} takes ${allowed.join(" or ")}, not '${values[name]}'`);
    }
  }
  for (const [name, needed] of Object.entries(command.needs ?? {})) {
    if (values[name] && !values[needed]) throw wrongUsage(`--${name} goes with --${needed} only`);
  }
  return values;
}

function wrongUsage(problem) {
  return new SetupError(`${problem}. See --help.`, WRONG_USAGE);
}
