import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Browser, type BrowserContext, chromium, type LaunchOptions } from "playwright-core";
import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";

/** Without these Chromium calls home at every start, which a machine without a way out answers late. */
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Starts the system's Chromium without a window and with an empty profile.
 * @param options - Playwright's; its `args` come on top of ours.
 */
export async function launchBrowser(owner: Owner, { args = [], ...options }: LaunchOptions = {}): Promise<Browser> {
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({
    executablePath: needProgram("chromium"),
    args: [...QUIET, ...asRoot, ...args],
    ...options,
  });
  owner.after(() => browser.close());
  return browser;
}

/**
 * Starts the whole Chromium with a profile that is kept while its owner lives, as push subscriptions need it.
 * @param args - From `startChromiumPush`.
 */
export async function launchSubscriber(owner: Owner, args: readonly string[]): Promise<BrowserContext> {
  const profile = mkdtempSync(path.join(tmpdir(), "countersign-chromium-"));
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: needProgram("wholeChromium"),
    args: [...QUIET, ...asRoot, ...args],
  });
  owner.after(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  return context;
}
