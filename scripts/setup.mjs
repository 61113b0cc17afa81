// Everything a command of this folder needs before it can start: `node scripts/setup.mjs <command> [options]`.
// Plain Node and its own modules only: this runs on a fresh clone, before anything is installed.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildWhenStale } from "./setup/build.mjs";
import { COMMANDS } from "./setup/commands.mjs";
import { handOver } from "./setup/hand-over.mjs";
import { installWhenStale } from "./setup/install.mjs";
import { withLock } from "./setup/lock.mjs";
import { say, SetupError } from "./setup/messages.mjs";
import { needNode } from "./setup/node-version.mjs";
import { readOptions } from "./setup/options.mjs";
import { installTestPrograms, needTestPrograms } from "./setup/test-programs.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

async function main() {
  needNode();
  const [name, ...given] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (command === undefined) {
    throw new SetupError(`Usage: node scripts/setup.mjs ${Object.keys(COMMANDS).join("|")} [options]`, 64);
  }
  if (readOptions(name, given).help) {
    process.stdout.write(command.help);
    return 0;
  }
  const isQuick = name === "test" && given[0] === "quick"; // starts no other programs
  await withLock(".data/setup.sock", async () => {
    if (name === "test" && !isQuick) {
      const withLong = given[0] === "long" || given[0] === "all";
      await installTestPrograms(withLong);
      needTestPrograms(withLong);
    }
    await installWhenStale(".", { mayInstallCompiler: name === "test" });
    if (name === "test" && !isQuick) await installWhenStale("sandbox/test/libraries");
    if (!isQuick) await buildWhenStale();
  });
  return command.script === undefined ? 0 : handOver(command.script, given);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    say(error instanceof SetupError ? error.message : String(error?.stack ?? error));
    process.exitCode = error instanceof SetupError ? error.exitCode : 1;
  },
);
