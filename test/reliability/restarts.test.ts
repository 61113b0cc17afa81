import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { openBrowser } from "../../scripts/storm/browser.js";
import { finish, openTown, startSignIn, tap } from "./town.js";

/** How many restarts; a person may ask for more. */
const RESTARTS = Number(process.env["RELIABILITY_RESTARTS"] ?? 4);
const REQUESTS_PER_SECOND = 50;

describe("rolling restarts", () => {
  it(
    `F18: ${RESTARTS} restarts under ${REQUESTS_PER_SECOND} requests a second fail no request and lose no stream`,
    { timeout: 60_000 + RESTARTS * 10_000 },
    async (t) => {
      const town = await openTown(t, { webs: 2, workers: 1 });
      const people = await Promise.all(["ada", "bob", "eve", "kim"].map((name) => town.enrol(name)));
      let isOver = false;
      let asked = 0;
      const failed: string[] = [];
      const visitor = openBrowser(town.world.site, () => undefined);
      const ask = async (): Promise<void> => {
        asked += 1;
        const path = ["/", "/login", "/register", "/healthz"][asked % 4] ?? "/";
        const answer = await visitor.get(path);
        if (answer?.status !== 200) failed.push(`${path}: ${answer?.status ?? "broken"}`);
      };
      const asking: Promise<void>[] = [];
      const traffic = setInterval(() => asking.push(ask()), 1000 / REQUESTS_PER_SECOND);
      const lost: string[] = [];
      let signedIn = 0;
      const signingIn = people.map(async (person) => {
        while (!isOver) {
          const waiting = await startSignIn(person);
          const following = follow(person.browser, waiting.events);
          await wait(700);
          await tap(person);
          const final = await following;
          const finished = await finish(person, waiting);
          if (final !== "approved" || finished.location !== "/account") lost.push(`${final} ${finished.status}`);
          else signedIn += 1;
        }
      });
      for (let restart = 0; restart < RESTARTS; restart++) {
        const place = town.world.webs[restart % 2];
        const exit = await place?.part().stop(20_000);
        assert.deepEqual(exit, { code: 0, signal: null });
        await place?.start();
      }
      isOver = true;
      await Promise.all(signingIn);
      clearInterval(traffic);
      await Promise.all(asking);
      t.diagnostic(`${asked} requests and ${signedIn} sign-ins over ${RESTARTS} restarts`);
      assert.deepEqual(failed, []);
      assert.deepEqual(lost, []);
      assert.ok(asked > RESTARTS * 20 && signedIn > RESTARTS);
    },
  );
});

/** Follows a stream over its cuts, as EventSource does; a refusal would be the end. */
async function follow(browser: Awaited<ReturnType<typeof openBrowser>>, events: string): Promise<string> {
  for (;;) {
    const ended = await browser.watch(events);
    if ("final" in ended) return ended.final;
    if ("refused" in ended) return `refused ${ended.refused}`;
    await wait(ended.cut);
  }
}
