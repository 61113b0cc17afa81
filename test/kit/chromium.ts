import { type Browser, chromium, type LaunchOptions } from "playwright-core";
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
