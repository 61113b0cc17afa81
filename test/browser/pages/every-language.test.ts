import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { type Language, LANGUAGES } from "../../../src/domain/language.js";
import { launchBrowser } from "../../kit/chromium.js";
import { everyMessage } from "../../mail/every-message.js";
import { PSEUDO } from "../../kit/pseudo-language.js";
import { measure, measurements } from "./measure.js";
import { axeViolations, CONTRAST, keepStates, sidewaysOverflow } from "./chromium.js";
import { renderState, serveStates } from "./state-server.js";
import { PAGE_STATES } from "./states.js";

const browser = await launchBrowser({ after });
const server = await serveStates({ after });

describe("languages: every message in Chromium", () => {
  for (const language of LANGUAGES)
    it(`L4 languages: is sound for axe in ${language}, in light and dark, and scrolls nowhere sideways at 320 px`, async () => {
      const page = await browser.newPage({ viewport: { width: 320, height: 720 } });
      for (const { name, html } of everyMessage(language)) {
        await page.emulateMedia({ colorScheme: "light" });
        await page.setContent(html);
        assert.deepEqual(await axeViolations(page), [], name);
        assert.ok((await sidewaysOverflow(page)) <= 0, name);
        await page.emulateMedia({ colorScheme: "dark" });
        assert.deepEqual(await axeViolations(page, CONTRAST), [], name);
      }
      await page.close();
    });
});

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

  it("L7 languages: shows the browser's own time in every language, and lets messages know its zone", async () => {
    const context = await browser.newContext({ timezoneId: "Asia/Kabul" });
    const page = await context.newPage();
    await keepStates(page);
    let times = 0;
    for (const language of LANGUAGES)
      for (const { name } of PAGE_STATES.filter((state) => renderState(state.name).includes("<time"))) {
        await page.goto(`${server.origin}/states/${name}?language=${language}`);
        const shown = await page.evaluate<[iso: string, text: string][]>(
          "Array.from(document.querySelectorAll('time'), (time) => [time.dateTime, time.textContent])",
        );
        for (const [iso, text] of shown) {
          const inKabul = new Date(Date.parse(iso) + 4.5 * 3_600_000).toISOString().slice(11, 16);
          assert.ok(text.includes(inKabul) && !text.includes("UTC"), `${name} in ${language}: ${text}`);
        }
        times += shown.length;
      }
    assert.ok(times >= 100, `only ${times} times were seen`);
    const cookies = await context.cookies();
    assert.equal(cookies.find(({ name }) => name === "countersign-time-zone")?.value, "Asia/Kabul");
    await context.close();
  });

  it("L6 languages: sends at most 2 KB more in any language than in English, and no page more than 60 KB", async () => {
    const context = await browser.newContext();
    await measure(context);
    const page = await context.newPage();
    await keepStates(page);
    const byWeight = PAGE_STATES.map(({ name }) => ({ name, weight: renderState(name).length })).toSorted(
      (one, other) => other.weight - one.weight,
    );
    for (const { name } of byWeight.slice(0, 10)) {
      const bytesIn = async (language: Language): Promise<number> => {
        await page.goto(`${server.origin}/states/${name}?language=${language}`);
        return (await measurements(page)).bytes;
      };
      const english = await bytesIn("en");
      for (const language of LANGUAGES) {
        const sent = await bytesIn(language);
        assert.ok(sent <= Math.min(english + 2048, 60_000), `${name} in ${language}: ${sent}, in English ${english}`);
      }
    }
    await context.close();
  });
});
