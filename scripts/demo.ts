import { rmSync } from "node:fs";
import path from "node:path";
import { newOwner } from "../test/kit/owner.js";
import { PartFailed } from "../test/kit/processes.js";
import { readSettlements } from "../test/kit/settlements.js";
import { StopRequested, watchForStop } from "../test/kit/stop-request.js";
import { claimDataFolder, removeLeftFolders, temporaryDataFolder } from "./demo/data-folder.js";
import { tellOnce } from "./demo/one-story.js";
import { type DemoOptions, startProgram } from "./demo/start-program.js";
import { addressLines, closingLine } from "./demo/timeline.js";
import { readOptions } from "./setup/options.mjs";

const INTERRUPTED = 130;

async function main(): Promise<number> {
  const options = readOptions<DemoOptions>("demo");
  const { once = false, json = false } = options;
  const stopRequest = watchForStop();
  const say = json ? (): void => undefined : console.log;
  const root = process.env["DEMO_DATA"] ?? ".data";
  await removeLeftFolders(root);
  const folder = once ? await temporaryDataFolder(root) : await claimDataFolder(root);
  const owner = newOwner();
  const settlements = readSettlements();
  let hasFailed = false;
  try {
    const program = await Promise.race([startProgram(owner, options, folder.path, settlements), stopRequest]);
    say(addressLines(program));
    if (!once) {
      say("\nCtrl-C stops all of it.\n");
      return await Promise.race([program.broken, stopRequest]);
    }
    say("");
    const callbacks = options["no-callbacks"] === true ? "dropped" : "delivered";
    const report = await Promise.race([
      tellOnce(program, settlements, { callbacks, factor: options.factor ?? "authy", app: options.app === true }, say),
      program.broken,
      stopRequest,
    ]);
    console.log(json ? JSON.stringify(report) : closingLine(report));
    hasFailed = !report.ok;
    return report.ok ? 0 : 1;
  } catch (error) {
    if (error instanceof StopRequested) {
      say("\nStopping…");
      return once ? INTERRUPTED : 0;
    }
    hasFailed = true;
    const reason = error instanceof Error ? error.message : String(error);
    if (json) console.log(JSON.stringify({ ok: false, error: reason, steps: [] }));
    console.error(reason);
    return error instanceof PartFailed ? error.exitCode : 1;
  } finally {
    await owner.end();
    folder.release();
    if (once && !hasFailed) rmSync(folder.path, { recursive: true, force: true });
    if (once && hasFailed) {
      console.error(`The logs are in ${path.join(folder.path, "logs")} until the next demo starts.`);
    }
  }
}

process.exitCode = await main();
process.exit();
