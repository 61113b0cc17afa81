import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Browser } from "../kit/browser.js";
import { migrate } from "../kit/processes.js";
import { enrol, type Person, startSignIn } from "../kit/people.js";
import { until } from "../kit/until.js";
import { finish, startBalanced } from "./sign-ins.js";

/** How many restarts; a person may ask for more. */
const RESTARTS = Number(process.env["RELIABILITY_RESTARTS"] ?? 4);
/** The folder of the last release, built, if a person wants to see it replaced by this one. */
const LAST_RELEASE = process.env["RELIABILITY_FROM"];
const VISITORS = 5;
const BETWEEN_VISITS_MS = 100;

describe("rolling restarts", () => {
  it(
    `F18: ${RESTARTS} restarts under up to 50 requests a second fail no request and lose no stream`,
    { timeout: 120_000 + RESTARTS * 60_000 },
    async (t) => {
      // Time enough for the balancer to see the 503, however slow the machine is.
      const program = await startBalanced(t, {
        ...{ webs: 2, workers: 1, release: LAST_RELEASE, env: { DRAIN_WAIT_MS: "2000" } },
      });
      // From here on processes of the last release serve on the tables of this one, as they do while it is rolled out.
      if (LAST_RELEASE !== undefined) await migrate({ env: program.env });
      const people = await Promise.all(["ada", "bob", "eve", "kim"].map((name) => enrol(program, name)));
      const over = new AbortController();
      let asked = 0;
      const failed: string[] = [];
      const visitor = program.openBrowser();
      const visitsOf = async (): Promise<void> => {
        while (!over.signal.aborted) {
          asked += 1;
          const path = ["/", "/login", "/register", "/healthz"][asked % 4] ?? "/";
          const answer = await visitor.get(path).catch(() => null);
          if (answer?.status !== 200) failed.push(`${path}: ${answer?.status ?? "broken"}`);
          await wait(BETWEEN_VISITS_MS);
        }
      };
      const visiting = Array.from({ length: VISITORS }, visitsOf);
      const lost: string[] = [];
      let signedIn = 0;
      const signInsOf = async (person: Person): Promise<void> => {
        while (!over.signal.aborted) {
          const waiting = await startSignIn(person);
          const following = follow(person.browser, waiting.events, over.signal);
          await wait(700);
          await person.answer("approve");
          const final = await following;
          const finished = await finish(person);
          if (final !== "approved" || finished.location !== "/account") lost.push(`${final} ${finished.status}`);
          else signedIn += 1;
        }
      };
      const signingIn = people.map((person) =>
        signInsOf(person).catch((error: unknown) => lost.push(error instanceof Error ? error.message : "not an error")),
      );
      t.after(() => {
        over.abort();
      });
      const places = [...program.webs, ...(LAST_RELEASE === undefined ? [] : program.workers)];
      for (let restart = 0; restart < RESTARTS; restart++) {
        const place = places[restart % places.length];
        const exit = await place?.stop(60_000);
        assert.deepEqual(exit, { code: 0, signal: null });
        await place?.start();
      }
      const isEnough = (): boolean => asked > RESTARTS * 20 && signedIn > RESTARTS;
      await until(() => isEnough() || failed.length + lost.length > 0, "too little was tried", 60_000);
      over.abort();
      await Promise.all([...signingIn, ...visiting]);
      t.diagnostic(`${asked} requests and ${signedIn} sign-ins over ${RESTARTS} restarts`);
      assert.deepEqual(failed, []);
      assert.deepEqual(lost, []);
    },
  );
});

/** Follows a stream over its cuts, as EventSource does; a refusal would be the end. */
async function follow(browser: Browser, events: string, over: AbortSignal): Promise<string> {
  for (let cutsAfterwards = 0; cutsAfterwards < 5;) {
    const ended = await browser.watch(events).end;
    if ("final" in ended) return ended.final;
    if ("refused" in ended) return `refused ${ended.refused}`;
    if (over.aborted) cutsAfterwards += 1;
    await wait(ended.cut);
  }
  return "nothing";
}
