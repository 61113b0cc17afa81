import { readOptions } from "../../../scripts/setup/options.mjs";
import type { Owner } from "../../kit/owner.js";
import { runCommandLine } from "../../kit/stop-request.js";
import { gate } from "./gate.js";
import { latency, tap } from "./latency.js";
import { memory } from "./memory.js";
import { polling } from "./polling.js";
import { lineOf, writeReport } from "./report.js";
import { rows } from "./rows.js";
import { startSides } from "./sides.js";
import { throughput } from "./throughput.js";
import type { Figure, Sides } from "./turns.js";

const BENCHMARKS: Readonly<Record<string, (sides: Sides, size: { rounds?: number }) => Promise<Figure[]>>> = {
  latency,
  tap,
  throughput,
  memory,
  polling,
  gate,
};

interface Options {
  readonly only: string;
  readonly rounds: number;
  readonly json: boolean;
  readonly write: boolean;
}

/** Measures the product beside a bare server, both up at the same time and taking turns. @returns the exit code. */
async function main(owner: Owner): Promise<number> {
  const { only, rounds, json = false, write = false } = readOptions<Options>("bench");
  const size = rounds === undefined ? {} : { rounds };
  const measured: Figure[] = [];
  const besideBare: Figure[] = [];
  let sides: Sides | undefined;
  for (const name of only?.split(",") ?? Object.keys(BENCHMARKS)) {
    const measure = BENCHMARKS[name];
    const figures =
      measure === undefined ? await rows(owner, size) : await measure((sides ??= await startSides(owner)), size);
    measured.push(...figures);
    if (measure !== undefined) besideBare.push(...figures);
    if (!json) for (const figure of figures) console.log(lineOf(figure));
  }
  if (json) console.log(JSON.stringify(measured));
  if (write) writeReport(besideBare, rounds === undefined ? "medians of 3 to 7 turns" : `medians of ${rounds} turns`);
  return 0;
}

await runCommandLine(main);
