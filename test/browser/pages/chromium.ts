import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";

/** Everything a page complains about from now on: failed scripts, refused resources, errors on the console. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.text().includes("Content Security Policy"))
      complaints.push(message.text());
  });
  return complaints;
}

/** Keeps the states in which a page goes on by itself after a moment, so that they can be looked at. */
export async function keepStates(page: Page): Promise<void> {
  await page.route(/\/assets\/.*waiting\.js$/, (route) =>
    /-(approved|sending)(\?|$)/.test(page.url())
      ? route.fulfill({ contentType: "text/javascript", body: "" })
      : route.continue(),
  );
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** All levels of WCAG 2.2 (AAA for its 7:1 contrast) and axe's best practices. */
const RULES = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What a change of colours alone can break. */
export const CONTRAST = ["color-contrast", "color-contrast-enhanced"];

/** What axe finds wrong with the page as it is now; one line for each place. */
export async function axeViolations(page: Page, rules = RULES): Promise<string[]> {
  // Half a megabyte takes longer to send than to run: once for each document.
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(axe);
  const found = await page.evaluate<Violation[]>(
    `axe.run(document, { runOnly: ${JSON.stringify(rules)}, resultTypes: ["violations"] }).then((result) => result.violations)`,
  );
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

/** How much wider than the window the page is, in CSS pixels: more than 0 means sideways scrolling. */
export async function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
}
