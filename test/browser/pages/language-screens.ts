import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";

import type { Language } from "../../../src/domain/language.js";
import { launchBrowser } from "../../kit/chromium.js";
import type { Owner } from "../../kit/owner.js";
import { PSEUDO } from "../../kit/pseudo-language.js";
import { smallPng } from "./small-png.js";
import { serveStates } from "./state-server.js";
import { PAGE_STATES } from "./states.js";

const FOLDER = path.join(import.meta.dirname, "../../../docs/screens");
const NARROW = { width: 360, height: 720 };
/** Of one sheet, as many as can be looked at together. */
const PER_SHEET = 21;
const PER_ROW = 7;
const LOOKED_AT: readonly Language[] = ["de", "ar", PSEUDO];

/** Every state of every page in one picture or a few for each language: `languages-ar-1.png`. @returns their names. */
export async function takeLanguageScreens(owner: Owner): Promise<string[]> {
  const browser = await launchBrowser(owner);
  const server = await serveStates(owner);
  // Without script no page goes on by itself.
  const page = await browser.newPage({ viewport: NARROW, javaScriptEnabled: false });
  const sheet = await browser.newPage({ viewport: { width: PER_ROW * 250, height: 1200 } });
  const made: string[] = [];
  for (const language of LOOKED_AT)
    for (let from = 0; from < PAGE_STATES.length; from += PER_SHEET) {
      const pictures: string[] = [];
      for (const { name } of PAGE_STATES.slice(from, from + PER_SHEET)) {
        await page.goto(`${server.origin}/states/${name}?language=${language}`);
        pictures.push(await pictureOf(page));
      }
      const name = `languages-${language}-${from / PER_SHEET + 1}`;
      await sheet.setContent(
        `<body style="margin:4px;display:grid;gap:8px;grid-template-columns:repeat(${PER_ROW},1fr);background:#888">${pictures
          .map((source) => `<img style="width:100%" src="${source}">`)
          .join("")}`,
      );
      writeFileSync(path.join(FOLDER, `${name}.png`), smallPng(await sheet.screenshot({ fullPage: true })));
      made.push(name);
    }
  return made;
}

async function pictureOf(page: Page): Promise<string> {
  const picture = await page.screenshot({ fullPage: true });
  return `data:image/png;base64,${picture.toString("base64")}`;
}
