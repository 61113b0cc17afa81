import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { newOwner, type Owner } from "../../kit/owner.js";
import { type Comparison } from "./compare.js";
import { overHttp } from "./over-http.js";
import { settle } from "./settle.js";
import { signature } from "./signature.js";
import { StopRequested, watchForStop } from "../../../scripts/demo/stop-request.js";
import { findRedisServer, startPrivateRedis } from "../../kit/private-redis.js";

/** Measures each piece against its bare baseline, in one run, and prints the ratios. */
async function measure(owner: Owner): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: "boolean" } } });
  const program = findRedisServer();
  if (program === undefined) throw new Error("Install redis-server or valkey-server: the benchmarks need a real one.");
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-bench-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startPrivateRedis(program, path.join(folder, "redis"));
  owner.after(() => redis.stop());
  const measured: Comparison[] = [];
  const note = (...comparisons: Comparison[]): void => {
    measured.push(...comparisons);
    if (values.json !== true) comparisons.forEach(printLine);
  };
  if (values.json !== true) console.log("Each figure is the median of rounds in which both sides took turns.\n");
  note(await signature());
  note(await settle(folder));
  note(...(await overHttp(owner, folder, redis.url)));
  if (values.json === true) console.log(JSON.stringify(measured));
}

function printLine({ name, what, baseline, oursUs, bareUs, ratio }: Comparison): void {
  const us = (figure: number): string => `${figure < 100 ? figure.toFixed(1) : figure.toFixed(0)} µs`;
  console.log(`${name.padEnd(10)} ${ratio.toFixed(1)} ×   ${us(oursUs)} against ${us(bareUs)}`);
  console.log(`           ${what}; against ${baseline}\n`);
}

const owner = newOwner();
try {
  await Promise.race([measure(owner), watchForStop()]);
} catch (error) {
  if (!(error instanceof StopRequested)) console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof StopRequested ? 130 : 1;
}
await owner.end();
process.exit();
