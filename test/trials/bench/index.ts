import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { StopRequested, watchForStop } from "../../../scripts/demo/stop-request.js";
import { newOwner, type Owner } from "../../kit/owner.js";
import { findRedisServer, startPrivateRedis } from "../../kit/private-redis.js";
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
  const options = { only: { type: "string" }, rounds: { type: "string" }, json: { type: "boolean" } } as const;
  const { only, rounds, json = false } = parseArgs({ options }).values;
  const names = only?.split(",") ?? Object.keys(BENCHMARKS);
  const isCount = rounds === undefined || /^[1-9]\d?$/.test(rounds);
  if (!isCount || !names.every((name) => Object.hasOwn(BENCHMARKS, name))) {
    console.error(`--only takes ${Object.keys(BENCHMARKS).join(", ")}; --rounds a number from 1 to 99.`);
    return 64;
  }
  const sides = await startSides(owner);
  const measured: Figure[] = [];
  for (const name of names) {
    const figures = (await BENCHMARKS[name]?.(sides, rounds === undefined ? {} : { rounds: Number(rounds) })) ?? [];
    measured.push(...figures);
    if (!json) figures.forEach(printLine);
  }
  if (json) console.log(JSON.stringify(measured));
  return 0;
}

async function startSides(owner: Owner): Promise<Sides> {
  const program = findRedisServer();
  if (program === undefined) throw new Error("Install redis-server or valkey-server: the benchmarks need a real one.");
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-bench-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startPrivateRedis(program, path.join(folder, "redis"));
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

const owner = newOwner();
try {
  process.exitCode = await Promise.race([main(owner), watchForStop()]);
} catch (error) {
  if (!(error instanceof StopRequested)) console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof StopRequested ? 130 : 1;
}
await owner.end();
process.exit();
