// Makes the sheets docs/screens/messages-*.png anew: `node scripts/message-screens.mjs`, with Chromium.
import process from "node:process";
import { register } from "tsx/esm/api";

register();
const { takeMessageScreens } = await import("../test/browser/pages/message-screens.ts");

const ends = [];
try {
  process.stdout.write(`${(await takeMessageScreens({ after: (end) => ends.push(end) })).join("\n")}\n`);
} finally {
  for (const end of ends.reverse()) await end();
}
