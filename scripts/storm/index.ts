import { readOptions } from "./options.js";
import { runStorm } from "./storm.js";
import { tableOf } from "./table.js";

/** Runs a storm and prints what came of it. Exit code 1 when anything was lost, doubled or wrong. */
async function main(): Promise<void> {
  const options = readOptions();
  const ends: (() => void | Promise<void>)[] = [];
  const endAll = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await Promise.resolve(end()).catch(() => undefined);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      void endAll().then(() => process.exit(130));
    });
  console.log(`A storm over ${options.logins} sign-ins on ${options.database}, seed ${options.seed}`);
  try {
    const report = await runStorm({ after: (end) => ends.push(end) }, options, (line) => {
      console.error(line);
    });
    console.log(tableOf(report));
    const { lost, double, wrong } = report.verdict;
    if (lost.length + double.length + wrong.length > 0) process.exitCode = 1;
  } finally {
    await endAll();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
