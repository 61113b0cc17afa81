import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";

import { directionOf, LANGUAGES, type Language } from "../../../src/domain/language.js";
import { launchBrowser } from "../../kit/chromium.js";
import type { Owner } from "../../kit/owner.js";
import { everyMessage } from "../../mail/every-message.js";
import { smallPng } from "./small-png.js";

const FOLDER = path.join(import.meta.dirname, "../../../docs/screens");
const NARROW = { width: 360, height: 400 };
/** As wide as 76 columns of a fixed-width font, and a margin. */
const TEXT = { width: 640, height: 300 };

/**
 * Every kind of message in one picture of its HTML, each in light and dark, and one of its text in 76 columns, for each language:
 * `messages-de.png`, `messages-de-text.png`. @returns their names.
 */
export async function takeMessageScreens(owner: Owner): Promise<string[]> {
  const browser = await launchBrowser(owner);
  const page = await browser.newPage({ viewport: NARROW });
  const textPage = await browser.newPage({ viewport: TEXT });
  const sheet = await browser.newPage();
  const made: string[] = [];
  for (const language of LANGUAGES) {
    const [asHtml, asText]: [string[], string[]] = [[], []];
    for (const { html, text } of everyMessage(language)) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setContent(html);
        asHtml.push(await pictureOf(page));
      }
      await textPage.setContent(asPlainText(text, language));
      asText.push(await pictureOf(textPage));
    }
    made.push(
      await saveSheet(sheet, `messages-${language}`, asHtml, { columns: 10, width: 2000 }),
      await saveSheet(sheet, `messages-${language}-text`, asText, { columns: 4, width: 2000 }),
    );
  }
  return made;
}

/** As a mail program shows text: in a fixed width, each line in the direction of its first letter. */
function asPlainText(text: string, language: Language): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<body style="margin:8px" dir="${directionOf(language)}"><pre style="margin:0;font:13px/1.5 monospace;unicode-bidi:plaintext">${escaped}</pre>`;
}

async function saveSheet(
  sheet: Page,
  name: string,
  pictures: readonly string[],
  { columns, width }: { readonly columns: number; readonly width: number },
): Promise<string> {
  await sheet.setViewportSize({ width, height: 1200 });
  const images = pictures.map((source) => `<img style="width:100%" src="${source}">`).join("");
  await sheet.setContent(
    `<body style="margin:4px;display:grid;gap:8px;align-items:start;grid-template-columns:repeat(${columns},1fr);background:#888">${images}`,
  );
  writeFileSync(path.join(FOLDER, `${name}.png`), smallPng(await sheet.screenshot({ fullPage: true })));
  return name;
}

async function pictureOf(page: Page): Promise<string> {
  const picture = await page.screenshot({ fullPage: true });
  return `data:image/png;base64,${picture.toString("base64")}`;
}
