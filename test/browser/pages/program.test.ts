import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type BrowserContext, type Page } from "playwright-core";
import { launchBrowser } from "../../support/browser.js";
import { startProgram } from "../../support/program.js";
import { axeViolations, sidewaysOverflow } from "./chromium.js";
import { measure, measurements } from "./measure.js";
import { tour, TOUR_SETTINGS } from "./tour.js";

const MOST_BYTES = 60_000;

const browser = await launchBrowser({ after });
const program = await startProgram({ after }, { env: TOUR_SETTINGS });

async function openProfile(): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  await measure(context);
  return context;
}

async function look(name: string, page: Page, report: string[]): Promise<{ bytes: number; firstPaintMs: number }> {
  const { bytes, firstPaintMs, layoutShift, origins, complaints } = await measurements(page);
  report.push(...(await axeViolations(page)).map((violation) => `${name}: ${violation}`));
  await page.setViewportSize({ width: 320, height: 640 });
  if ((await sidewaysOverflow(page)) > 0) report.push(`${name}: scrolls sideways at 320 px`);
  await page.setViewportSize({ width: 360, height: 740 });
  if (bytes > MOST_BYTES) report.push(`${name}: ${bytes} bytes`);
  if (layoutShift > 0) report.push(`${name}: layout shift ${layoutShift}`);
  if (origins.length > 1) report.push(`${name}: asks other origins: ${origins.join(", ")}`);
  report.push(...complaints.map((complaint) => `${name}: ${complaint}`));
  return { bytes, firstPaintMs };
}

describe("the pages of the real program", () => {
  it("keep every promise in every state that people can bring them to: axe, 320 px, 60 KB, no shift, one origin", async (t) => {
    const report: string[] = [];
    const seen: string[] = [];
    const looks: { bytes: number; firstPaintMs: number }[] = [];
    await tour({
      program,
      openProfile,
      stop: async (name, page) => {
        seen.push(name);
        looks.push(await look(name, page, report));
      },
    });
    assert.deepEqual(report, []);
    assert.ok(seen.length > 40, `only ${seen.length} stops`);
    const paints = looks.map(({ firstPaintMs }) => firstPaintMs).sort((a, b) => a - b);
    const median = paints[Math.floor(paints.length / 2)]!;
    const heaviest = Math.max(...looks.map(({ bytes }) => bytes));
    t.diagnostic(
      `${seen.length} stops; heaviest ${heaviest} bytes; first paint ${median} ms (median), ${paints.at(-1)!} ms (worst)`,
    );
  });
});
