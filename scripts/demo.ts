import { rmSync } from "node:fs";
import path from "node:path";
import { claimDataFolder, removeLeftFolders, temporaryDataFolder } from "./demo/data-folder.js";
import { openHousehold } from "./demo/household.js";
import { tellOnce } from "./demo/one-story.js";
import { readOptions } from "./demo/options.js";
import { startProgram } from "./demo/start-program.js";
import { StopRequested, watchForStop } from "./demo/stop-request.js";
import { addressLines, closingLine } from "./demo/timeline.js";
import { PartFailed } from "../test/kit/processes.js";
import { readSettlements } from "../test/kit/settlements.js";

const INTERRUPTED = 130;

async function main(): Promise<number> {
  const options = readOptions();
  const stopRequest = watchForStop();
  const say = options.json ? (): void => undefined : console.log;
  const root = process.env["DEMO_DATA"] ?? ".data";
  await removeLeftFolders(root);
  const folder = options.once ? await temporaryDataFolder(root) : await claimDataFolder(root);
  const household = openHousehold(tellParent);
  const settlements = readSettlements();
  let hasFailed = false;
  try {
    const place = { options, dataFolder: folder.path, household, settlements };
    const program = await Promise.race([startProgram(place), household.broken, stopRequest]);
    say(addressLines(program));
    if (!options.once) {
      say("\nCtrl-C stops all of it.\n");
      return await Promise.race([household.broken, stopRequest]);
    }
    say("");
    const callbacks = options.noCallbacks ? "dropped" : "delivered";
    const report = await Promise.race([tellOnce(program, settlements, callbacks, say), household.broken, stopRequest]);
    console.log(options.json ? JSON.stringify(report) : closingLine(report));
    hasFailed = !report.ok;
    return report.ok ? 0 : 1;
  } catch (error) {
    if (error instanceof StopRequested) {
      say("\nStopping…");
      return options.once ? INTERRUPTED : 0;
    }
    hasFailed = true;
    const reason = error instanceof Error ? error.message : String(error);
    if (options.json) console.log(JSON.stringify({ ok: false, error: reason, steps: [] }));
    console.error(reason);
    return error instanceof PartFailed ? error.exitCode : 1;
  } finally {
    await household.stop();
    folder.release();
    if (options.once && !hasFailed) rmSync(folder.path, { recursive: true, force: true });
    if (options.once && hasFailed) {
      console.error(`The logs are in ${path.join(folder.path, "logs")} until the next demo starts.`);
    }
  }
}

/** setup.mjs ends what we have started should we be killed outright; it may be gone itself. */
function tellParent(pids: readonly number[]): void {
  if (process.connected) process.send?.({ started: pids }, () => undefined);
}

process.exitCode = await main();
process.exit();
