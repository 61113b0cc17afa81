import { parseArgs } from "node:util";

import { StopRequested, watchForStop } from "../../../scripts/demo/stop-request.js";
import { closeAttacked } from "./attacked-program.js";
import { type Attack, type Outcome } from "./attack.js";
import { ATTACKS } from "./attacks.js";

/** Runs the attacks one after another and prints what became of each. */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: "string" }, short: { type: "boolean" } } });
  const chosen = ATTACKS.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    console.error(`There is no attack of that name. Names: ${ATTACKS.map(({ name }) => name).join(", ")}`);
    return 64;
  }
  const table: { attack: Attack; count: number; outcome: Outcome; seconds: number }[] = [];
  for (const attack of chosen) {
    const count = values.short === true ? attack.short : attack.full;
    const startedAt = performance.now();
    let told = 0;
    const outcome = await attack.run(count, (done) => {
      const tenth = Math.floor((done / count) * 10);
      if (tenth > told) console.error(`${attack.name}: ${done} of ${count}`);
      told = Math.max(told, tenth);
    });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    table.push({ attack, count, outcome, seconds });
    console.error(`${attack.name}: ${outcome.isKept ? "held" : "BROKEN"}, ${outcome.seen} (${seconds} s)\n`);
  }
  const cells = (...texts: string[]): string => `| ${texts.join(" | ")} |`;
  console.log(cells("attack", "allowed", "seen", "s", ""));
  console.log(cells("---", "---", "---", "--:", "---"));
  for (const { attack, count, outcome, seconds } of table)
    console.log(
      cells(
        `${count.toLocaleString("en")} ${attack.what}`,
        outcome.allowed,
        outcome.seen,
        String(seconds),
        outcome.isKept ? "held" : "**broken**",
      ),
    );
  return table.every(({ outcome }) => outcome.isKept) ? 0 : 1;
}

try {
  process.exitCode = await Promise.race([main(), watchForStop()]);
} catch (error) {
  if (!(error instanceof StopRequested)) throw error;
  await closeAttacked();
  process.exit(130);
}
