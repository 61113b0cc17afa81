import { readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "../../kit/chromium.js";
import { fakeCamera } from "../../kit/fake-camera.js";
import type { Owner } from "../../kit/owner.js";
import { startProgram } from "../../kit/program.js";
import { tourPhone } from "./phone-screens.js";
import { smallPng } from "./small-png.js";
import { serveStates } from "./state-server.js";
import { PAGE_STATES } from "./states.js";
import { tour, TOUR_SETTINGS } from "./tour.js";

const FOLDER = path.join(import.meta.dirname, "../../../docs/screens");
const NARROW = { width: 360, height: 740 };
const WIDE = { width: 1280, height: 800 };
/** Sheets that other scripts make. */
const OTHERS = /^(?:languages|messages)-/;
/** Shown in dark, too. */
const DARK = new Set([
  "register-errors",
  "login",
  "login-approval-waiting",
  "login-approval-approved",
  "account",
  "recovery-codes-shown",
  "phone-request",
]);

/**
 * Photographs every state of every page into docs/screens: of the running program where people can bring it to that
 * state, and of its template with made-up data where only a mishap can.
 *
 * @returns the names of the states, those of the running program first.
 */
export async function takeScreens(owner: Owner): Promise<{ fromProgram: string[]; fromTemplates: string[] }> {
  for (const file of readdirSync(FOLDER).filter((name) => !OTHERS.test(name))) rmSync(path.join(FOLDER, file));
  const browser = await launchBrowser(owner, { args: [...fakeCamera(owner).args] });
  const openProfile = (): Promise<BrowserContext> => browser.newContext({ viewport: NARROW, colorScheme: "light" });

  const fromProgram: string[] = [];
  const program = await startProgram(owner, { env: { ...TOUR_SETTINGS, AUTHY_APP_NAME: "Acme" } });
  await tour({
    program,
    openProfile,
    stop: async (name, page) => {
      fromProgram.push(name);
      await photograph(name, page);
    },
  });

  fromProgram.push(...(await tourPhone(program, browser, photograph)));

  const fromTemplates = PAGE_STATES.map(({ name }) => name).filter((name) => !fromProgram.includes(name));
  const states = await serveStates(owner);
  const page = await (await openProfile()).newPage();
  for (const name of fromTemplates) {
    await page.goto(`${states.origin}/states/${name}`);
    await photograph(name, page);
  }
  writeFileSync(path.join(FOLDER, "README.md"), index(fromProgram, fromTemplates));
  return { fromProgram, fromTemplates };
}

function index(fromProgram: readonly string[], fromTemplates: readonly string[]): string {
  const line = (name: string): string => {
    const dark = DARK.has(name) ? ` [dark](${name}-360-dark.png),` : "";
    return `- ${name}: [360 px](${name}-360.png),${dark} [1280 px](${name}-1280.png)\n`;
  };
  const list = (names: readonly string[]): string => names.map(line).join("");
  return `# Every state of every page

Made by \`node scripts/screens.mjs\`, which walks through the running program and stops at each state.

${list(fromProgram)}
## States that only a mishap brings about

Rendered from the same templates, with made-up data.

${list(fromTemplates)}
## Other languages, and messages

Sheets of every state in German, Arabic and the pseudo-language, by \`node scripts/language-screens.mjs\`, and of every message, in light and
dark and as text in 76 columns, by \`node scripts/message-screens.mjs\`.

${sheets()}`;
}

/** By the words of their names and then their numbers: `languages-de-10` comes last. */
function sheets(): string {
  const names = readdirSync(FOLDER).filter((name) => OTHERS.test(name));
  return names
    .toSorted(new Intl.Collator("en", { numeric: true }).compare)
    .map((name) => `- [${path.parse(name).name}](${name})\n`)
    .join("");
}

/** @param page - Narrow; it is so again afterwards. */
export async function photograph(name: string, page: Page): Promise<void> {
  await page.waitForLoadState("load");
  await save(`${name}-360`, page);
  await page.setViewportSize(WIDE);
  await save(`${name}-1280`, page);
  await page.setViewportSize(NARROW);
  if (!DARK.has(name)) return;
  await page.emulateMedia({ colorScheme: "dark" });
  await save(`${name}-360-dark`, page);
  await page.emulateMedia({ colorScheme: "light" });
}

async function save(name: string, page: Page): Promise<void> {
  writeFileSync(path.join(FOLDER, `${name}.png`), smallPng(await page.screenshot({ fullPage: true })));
}
