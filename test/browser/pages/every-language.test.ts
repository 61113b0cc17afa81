import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { LANGUAGES } from "../../../src/domain/language.js";
import { launchBrowser } from "../../kit/chromium.js";
import { PSEUDO } from "../../kit/pseudo-language.js";
import { axeViolations, keepStates, sidewaysOverflow } from "./chromium.js";
import { serveStates } from "./state-server.js";
import { PAGE_STATES } from "./states.js";

const browser = await launchBrowser({ after });
const server = await serveStates({ after });

describe("languages: every state of every page in Chromium", () => {
  for (const language of [...LANGUAGES.filter((each) => each !== "en"), PSEUDO])
    it(`L2, L4 languages: is sound for axe in ${language}, and scrolls nowhere sideways at 320 px`, async () => {
      const page = await browser.newPage({ viewport: { width: 320, height: 720 } });
      await keepStates(page);
      const faults: string[] = [];
      for (const { name } of PAGE_STATES) {
        await page.goto(`${server.origin}/states/${name}?language=${language}`);
        faults.push(...(await axeViolations(page)).map((violation) => `${name}: ${violation}`));
        const overflow = await sidewaysOverflow(page);
        if (overflow > 0) faults.push(`${name}: ${overflow} px too wide`);
      }
      await page.close();
      assert.deepEqual(faults, []);
    });
});
