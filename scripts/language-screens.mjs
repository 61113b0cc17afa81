// Makes the sheets docs/screens/languages-*.png anew: `node scripts/language-screens.mjs`, with Chromium.
import process from "node:process";
import { register } from "tsx/esm/api";

register();
const { takeLanguageScreens } = await import("../test/browser/pages/language-screens.ts");

const ends = [];
try {
  process.stdout.write(`${(await takeLanguageScreens({ after: (end) => ends.push(end) })).join("\n")}\n`);
} finally {
  for (const end of ends.reverse()) await end();
}
