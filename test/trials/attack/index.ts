import { readOptions } from "../../../scripts/setup/options.mjs";
import type { Owner } from "../../kit/owner.js";
import { runCommandLine } from "../../kit/stop-request.js";
import { closeAttacked } from "./attacked-program.js";
import type { Attack, Outcome } from "./attack.js";
import { ATTACKS } from "./attacks.js";

/** Runs the attacks one after another and prints what became of each. */
async function main(owner: Owner): Promise<number> {
  owner.after(closeAttacked);
  const { only, count: most, short = false } = readOptions<{ only: string; count: number; short: boolean }>("attack");
  const chosen = ATTACKS.filter(({ name }) => only === undefined || name === only);
  const table: { attack: Attack; count: number; outcome: Outcome; seconds: number }[] = [];
  for (const attack of chosen) {
    const count = most ?? (short ? attack.short : attack.full);
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

await runCommandLine(main);
