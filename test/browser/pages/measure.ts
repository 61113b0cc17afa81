import type { BrowserContext, Page } from "playwright-core";

export interface Measurements {
  /** What the page and all that it loads take over the wire, headers included, nothing from a cache. */
  readonly bytes: number;
  readonly firstPaintMs: number;
  /** Cumulative layout shift since the page was opened, or its shifts were forgotten. */
  readonly layoutShift: number;
  /** Everyone the page asked for something. */
  readonly origins: readonly string[];
}

interface Load {
  bytes: number;
  origins: Set<string>;
  complaints: string[];
}

const loads = new WeakMap<Page, Load>();

const COUNT_SHIFTS = `
  window.layoutShift = 0;
  window.shifts = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.layoutShift += entry.value;
  });
  window.shifts.observe({ type: "layout-shift", buffered: true });
`;

/** Measures every page of the profile from now on. */
export async function measure(context: BrowserContext): Promise<void> {
  await context.addInitScript(COUNT_SHIFTS);
  context.on("page", (page) => void watch(page));
}

async function watch(page: Page): Promise<void> {
  const load: Load = { bytes: 0, origins: new Set(), complaints: [] };
  loads.set(page, load);
  page.on("console", (message) => {
    const text = message.text();
    // The page itself may be a 404 or a 422.
    const isOwnStatus = message.location().url === page.url() && text.startsWith("Failed to load resource");
    const isComplaint = message.type() === "error" || text.includes("Content Security Policy");
    if (isComplaint && !isOwnStatus) load.complaints.push(text);
  });
  page.on("pageerror", (error) => load.complaints.push(error.message));
  const network = await page.context().newCDPSession(page);
  network.on("Network.requestWillBeSent", ({ type, request, redirectResponse }) => {
    if (type === "Document" && !redirectResponse) Object.assign(load, { bytes: 0, origins: new Set() });
    load.origins.add(new URL(request.url).origin);
  });
  network.on("Network.loadingFinished", ({ encodedDataLength }) => {
    load.bytes += encodedDataLength;
  });
  await network.send("Network.enable");
  await network.send("Network.setCacheDisabled", { cacheDisabled: true });
}

/** Forgets how the page has shifted so far, since whoever looks at it moves it. */
export async function forgetShifts(page: Page): Promise<void> {
  await page.evaluate(`new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      window.shifts.takeRecords();
      window.layoutShift = 0;
      resolve();
    }));
  })`);
}

/** What was measured of the page as it stands. */
export async function measurements(page: Page): Promise<Measurements> {
  await page.waitForLoadState("load");
  const [firstPaintMs, layoutShift] = await page.evaluate<[number, number]>(`new Promise((resolve) => {
    const look = () => {
      const paint = performance.getEntriesByName("first-contentful-paint")[0];
      if (paint) resolve([paint.startTime, window.layoutShift]);
      else setTimeout(look, 20);
    };
    look();
  })`);
  const { bytes, origins } = loads.get(page) ?? { bytes: 0, origins: [] };
  return { bytes, firstPaintMs, layoutShift, origins: [...origins] };
}

/** Errors on the console since the last time, refusals of the policy among them. */
export function complaintsSoFar(page: Page): string[] {
  return loads.get(page)?.complaints.splice(0) ?? [];
}
