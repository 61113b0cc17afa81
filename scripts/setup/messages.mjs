import process from "node:process";

/** Something that the person at the keyboard can mend; the message says how. Ends the command with `exitCode`. */
export class SetupError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Progress goes to standard error: standard output belongs to the command itself, which may print JSON. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}
