import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { needProgram } from "../../../scripts/setup/find-programs.mjs";
import { readOptions } from "../../../scripts/setup/options.mjs";
import { type Owner } from "../../kit/owner.js";
import { startPrivateRedis } from "../../kit/private-redis.js";
import { runCommandLine } from "../../kit/stop-request.js";
import { latency } from "./latency.js";
import { memory } from "./memory.js";
import { polling } from "./polling.js";
import { startBare, startProduct } from "./servers.js";
import { throughput } from "./throughput.js";
import { type Figure, type Sides } from "./turns.js";

const BENCHMARKS: Readonly<Record<string, (sides: Sides, size: { rounds?: number }) => Promise<Figure[]>>> = {
  latency,
  throughput,
  memory,
  polling,
};

/** Measures the product beside a bare server, both up at the same time and taking turns. @returns the exit code. */
async function main(owner: Owner): Promise<number> {
  const { only, rounds, json = false } = readOptions<{ only: string; rounds: number; json: boolean }>("bench");
  const sides = await startSides(owner);
  const measured: Figure[] = [];
  for (const name of only?.split(",") ?? Object.keys(BENCHMARKS)) {
    const figures = (await BENCHMARKS[name]?.(sides, rounds === undefined ? {} : { rounds })) ?? [];
    measured.push(...figures);
    if (!json) figures.forEach(printLine);
  }
  if (json) console.log(JSON.stringify(measured));
  return 0;
}

async function startSides(owner: Owner): Promise<Sides> {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-bench-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startPrivateRedis(needProgram("redis"), path.join(folder, "redis"));
  owner.after(() => redis.stop());
  const ground = { folder, redisUrl: redis.url };
  const bare = await startBare(owner, ground);
  return { bare, product: await startProduct(owner, ground, `sqlite:${folder}/bench.sqlite`) };
}

function printLine({ name, unit, bare, product, ratio, least, most }: Figure): void {
  const text = (figure: number): string => figure.toPrecision(3);
  console.log(
    `${name.padEnd(36)} ${text(bare).padStart(8)} ${text(product).padStart(8)} ${unit.padEnd(2)}  ${text(ratio)} × (${text(least)} to ${text(most)})`,
  );
}

await runCommandLine(main);
