// Makes the pictures in docs/screens anew: `node scripts/screens.mjs`, with Chromium and a Redis server on PATH.
import process from "node:process";
import { register } from "tsx/esm/api";

register();
const { takeScreens } = await import("../test/browser/pages/take-screens.ts");

const ends = [];
try {
  const { fromProgram, fromTemplates } = await takeScreens({ after: (end) => ends.push(end) });
  process.stdout.write(`${fromProgram.length} states of the running program, ${fromTemplates.length} from templates\n`);
} finally {
  for (const end of ends.reverse()) await end();
}
