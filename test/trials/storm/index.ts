import { newOwner } from "../../kit/owner.js";
import { readOptions, type StormOptions } from "./options.js";
import { runStorm } from "./storm.js";
import { tableOf } from "./table.js";

const WRONG_USAGE = 64; // EX_USAGE of sysexits.h

function given(): StormOptions | null {
  try {
    return readOptions();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    process.exitCode = WRONG_USAGE;
    return null;
  }
}

/** Runs a storm and prints what came of it. Exit code 1 when anything was lost, doubled or wrong. */
async function main(): Promise<void> {
  const options = given();
  if (options === null) return;
  const owner = newOwner();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      void owner.end().finally(() => process.exit(130));
    });
  console.log(`A storm over ${options.logins} sign-ins on ${options.database}, seed ${options.seed}`);
  try {
    const report = await runStorm(owner, options, (line) => {
      console.error(line);
    });
    console.log(tableOf(report));
    const { lost, double, wrong } = report.verdict;
    if (lost.length + double.length + wrong.length > 0) process.exitCode = 1;
  } finally {
    await owner.end();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
