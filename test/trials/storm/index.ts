import { readOptions } from "../../../scripts/setup/options.mjs";
import type { Owner } from "../../kit/owner.js";
import { runCommandLine } from "../../kit/stop-request.js";
import { runStorm, type StormOptions } from "./storm.js";
import { tableOf } from "./table.js";

/** Runs a storm and prints what came of it. @returns 1 when anything was lost, doubled or wrong. */
async function main(owner: Owner): Promise<number> {
  // The table of options has a value for each but the seed.
  const given = readOptions<StormOptions>("storm") as Omit<StormOptions, "seed"> & { readonly seed?: number };
  const options = { ...given, seed: given.seed ?? Date.now() % 1_000_000 };
  console.log(`A storm over ${options.logins} sign-ins on ${options.database}, seed ${options.seed}`);
  const report = await runStorm(owner, options, (line) => {
    console.error(line);
  });
  console.log(tableOf(report));
  const { lost, double, wrong } = report.result;
  return lost.length + double.length + wrong.length > 0 ? 1 : 0;
}

await runCommandLine(main);
