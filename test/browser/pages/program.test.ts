import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "../../kit/chromium.js";
import { startProgram } from "../../kit/program.js";
import { axeViolations, CONTRAST, keepStates, sidewaysOverflow } from "./chromium.js";
import { complaintsSoFar, forgetShifts, measure, measurements } from "./measure.js";
import { serveStates } from "./state-server.js";
import { PAGE_STATES } from "./states.js";
import { tour, TOUR_SETTINGS } from "./tour.js";

const MOST_BYTES = 60_000;
const PHONE = { width: 360, height: 740 };
const SMALLEST = { width: 320, height: 640 };
const ZOOMED = { width: 640, height: 400 }; // 1280 px at 200 %
/** Nothing may run out only because a slow machine looks at it for long. */
const PATIENT = { APPROVAL_TTL_SECONDS: "900", REGISTRATION_TTL_SECONDS: "900", APPROVED_TTL_SECONDS: "900" };

/** The tour comes by these with less on the page: no note above the form, one session only, no way by text message. */
const RICHER = new Set(["login-errors", "login-code-errors", "login-approval-approved", "account", "sessions"]);

const browser = await launchBrowser({ after });
const program = await startProgram({ after }, { env: { ...TOUR_SETTINGS, ...PATIENT } });
const states = await serveStates({ after });
const seen = new Set<string>();

async function openProfile(): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: PHONE, colorScheme: "light" });
  await measure(context);
  return context;
}

/** Everything that is wrong with a page in the state of that name, with the name in front; leaves the page as it was. */
async function look(name: string, page: Page): Promise<{ faults: string[]; bytes: number; firstPaintMs: number }> {
  seen.add(name);
  // Measured first: what follows moves the page about.
  const { bytes, firstPaintMs, layoutShift, origins } = await measurements(page);
  const faults: string[] = [];
  if (bytes > MOST_BYTES) faults.push(`${bytes} bytes`);
  if (layoutShift > 0) faults.push(`layout shift ${layoutShift}`);
  if (origins.length > 1) faults.push(`asks other origins: ${origins.join(", ")}`);
  const headlines = await page.locator("h1").count();
  if (headlines !== 1) faults.push(`${headlines} h1 headings instead of one`);
  faults.push(...(await axeViolations(page)));
  await page.emulateMedia({ colorScheme: "dark" });
  faults.push(...(await axeViolations(page, CONTRAST)).map((violation) => `in dark: ${violation}`));
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(SMALLEST);
  if ((await sidewaysOverflow(page)) > 0) faults.push("scrolls sideways at 320 px");
  await page.setViewportSize(ZOOMED);
  if ((await sidewaysOverflow(page)) > 0) faults.push("scrolls sideways when zoomed");
  await page.setViewportSize(PHONE);
  await forgetShifts(page);
  faults.push(...complaintsSoFar(page));
  return { faults: faults.map((fault) => `${name}: ${fault}`), bytes, firstPaintMs };
}

describe("every page, in light and dark, is sound for axe, fits 320 px and zoom, has one headline, 60 KB, no shift, one origin, no complaint", () => {
  it("in every state that people can bring the real program to", async (t) => {
    const looks: Awaited<ReturnType<typeof look>>[] = [];
    await tour({
      program,
      openProfile,
      stop: async (name, page) => {
        looks.push(await look(name, page));
      },
    });
    assert.deepEqual(
      looks.flatMap(({ faults }) => faults),
      [],
    );
    assert.ok(seen.size > 40, `only ${seen.size} stops`);
    const paints = looks.map(({ firstPaintMs }) => firstPaintMs).sort((a, b) => a - b);
    const median = paints[Math.floor(paints.length / 2)]!;
    const heaviest = Math.max(...looks.map(({ bytes }) => bytes));
    t.diagnostic(
      `${seen.size} stops; heaviest ${heaviest} bytes; first paint ${median} ms (median), ${paints.at(-1)!} ms (worst)`,
    );
  });

  it("in every other state and in richer ones, of the templates with made-up data", async (t) => {
    const page = await (await openProfile()).newPage();
    await keepStates(page);
    const faults: string[] = [];
    const others = PAGE_STATES.map(({ name }) => name).filter((name) => !seen.has(name) || RICHER.has(name));
    for (const name of others) {
      const response = await page.goto(`${states.origin}/states/${name}`);
      assert.equal(response?.status(), 200, name);
      faults.push(...(await look(name, page)).faults);
    }
    assert.deepEqual(faults, []);
    t.diagnostic(`${others.length} states`);
  });

  it("and no state was left out", () => {
    const leftOut = PAGE_STATES.map(({ name }) => name).filter((name) => !seen.has(name));
    assert.deepEqual(leftOut, []);
  });
});
