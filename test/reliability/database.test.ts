import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";

import { callbackBody, signCallback } from "../../scripts/attack/phone.js";
import {
  answered,
  BOUNDED,
  csrfIn,
  eventually,
  finish,
  openTown,
  startSignIn,
  tap,
  timed,
  type Town,
  typePassword,
} from "./town.js";

/** Asks the process whether it lives, over and over. @returns the longest that it was busy. */
function pulse(town: Town): { stop(): Promise<number> } {
  const url = `${town.world.site}/healthz`;
  const over = new AbortController();
  let slowest = 0;
  const beating = (async () => {
    while (!over.signal.aborted) {
      const { ms } = await timed(fetch(url).then((answer) => answer.text()));
      slowest = Math.max(slowest, ms);
      await wait(10);
    }
  })();
  return {
    async stop() {
      over.abort();
      await beating;
      return slowest;
    },
  };
}

function callbackFor(town: Town, uuid: string, authyId: string): Promise<Response> {
  const url = `${town.world.site}/webhooks/authy/onetouch`;
  const { headers, body } = signCallback(callbackBody(uuid, authyId, "approved"), { key: town.world.apiKey, url });
  return fetch(url, { method: "POST", headers, body });
}

describe("the database goes away", () => {
  it(
    "F14: another process holds SQLite: 503 with Retry-After, nothing changed, and the loop goes round",
    BOUNDED,
    async (t) => {
      const town = await openTown(t, { workers: 0 });
      const [ada, bob] = [await town.enrol("ada"), await town.enrol("bob")];
      await town.faults({ callbacks: "drop" });
      const waiting = await startSignIn(ada);
      const row = await town.challenge(waiting.id);
      const form = csrfIn((await answered(bob.browser.get("/login"))).body);
      const password = { csrf: form, username: bob.username, password: bob.password };
      const other = new Database(town.world.databaseUrl.replace(/^sqlite:/, ""));
      t.after(() => other.close());
      const beating = pulse(town);
      other.exec("BEGIN EXCLUSIVE");
      const [typed, called, read] = await Promise.all([
        timed(answered(bob.browser.post("/login", password))),
        timed(callbackFor(town, row?.authyUuid ?? "", row?.authyId ?? "")),
        timed(answered(bob.browser.get("/login"))),
        ...Array.from({ length: 20 }, () => callbackFor(town, row?.authyUuid ?? "", row?.authyId ?? "")),
      ]);
      await wait(1000);
      const slowest = await beating.stop();
      other.exec("ROLLBACK");

      assert.equal(typed.value.status, 503);
      assert.ok(Number(typed.value.headers["retry-after"]) >= 1);
      assert.equal(called.value.status, 503);
      assert.ok(Number(called.value.headers.get("retry-after")) >= 1);
      assert.ok(Math.max(typed.ms, called.ms) < 4000, `they took ${typed.ms} and ${called.ms} ms`);
      assert.ok(read.ms < 1500, `a page that only reads took ${read.ms} ms`);
      assert.ok(slowest < 250, `the event loop stood still for ${slowest} ms`);
      assert.equal((await town.challenge(waiting.id))?.state, "pending", "nothing was changed");
      assert.equal(
        (await callbackFor(town, row?.authyUuid ?? "", row?.authyId ?? "")).status,
        200,
        "sent again, it counts",
      );
      assert.equal((await finish(ada, waiting)).location, "/account");
      assert.equal((await typePassword(bob)).location, "/login/approval");
    },
  );

  it("F17: PostgreSQL stops and comes back: 503 in time, then everything as before", BOUNDED, async (t) => {
    const town = await openTown(t, { database: "postgres" });
    const ada = await town.enrol("ada");
    const waiting = await startSignIn(ada);
    const form = csrfIn((await answered(ada.browser.get("/login"))).body);
    const password = { csrf: form, username: ada.username, password: ada.password };
    const told: string[] = [];
    const stream = ada.browser.watch(waiting.events, (status) => told.push(status));
    await eventually(() => told.includes("pending"), 2000, "the stream told nothing");
    await town.world.postgres?.kill();
    const typed = await timed(answered(ada.browser.post("/login", password)));
    assert.equal(typed.value.status, 503);
    assert.ok(Number(typed.value.headers["retry-after"]) >= 1);
    assert.ok(typed.ms < 4500, `it took ${typed.ms} ms`);
    assert.equal((await answered(ada.browser.get("/healthz"))).status, 200);
    assert.equal((await answered(ada.browser.get("/readyz"))).status, 503);
    assert.equal((await callbackFor(town, "11111111-2222-3333-4444-555555555555", "1")).status, 503);
    await tap(ada); // its callback is refused and sent again
    await town.world.postgres?.restart();
    assert.deepEqual(await stream, { final: "approved" });
    assert.equal((await finish(ada, waiting)).location, "/account");
    assert.equal((await answered(ada.browser.get("/readyz"))).status, 200);
  });

  for (const database of ["sqlite", "postgres"] as const)
    it(`F20: on ${database}, web and worker start without the database and serve when it comes`, BOUNDED, async (t) => {
      const town = await openTown(t, { database });
      const { webs, workers, postgres, databaseUrl } = town.world;
      const ada = await town.enrol("ada");
      await Promise.all([...webs, ...workers].map((place) => place.part().kill()));
      const lock = database === "sqlite" ? new Database(databaseUrl.replace(/^sqlite:/, "")) : undefined;
      if (lock === undefined) await postgres?.kill();
      else {
        // With the log switched off, whoever opens the file has to change it, and cannot.
        await town.database.destroy();
        lock.pragma("journal_mode = DELETE");
        lock.exec("BEGIN EXCLUSIVE");
      }
      const started = Promise.all([...webs, ...workers].map((place) => place.start()));
      const alive = await eventually(() => ada.browser.get("/healthz"), 8000, "nobody listened");
      assert.equal(alive.status, 200);
      assert.equal((await answered(ada.browser.get("/readyz"))).status, 503);
      const page = await answered(ada.browser.get("/login"));
      assert.equal(page.status, 503);
      assert.ok(Number(page.headers["retry-after"]) >= 1);
      assert.equal((await callbackFor(town, "11111111-2222-3333-4444-555555555555", "1")).status, 503);
      if (lock === undefined) await postgres?.restart();
      else lock.close();
      await started;
      await town.faults({ callbacks: "drop" });
      const waiting = await startSignIn(ada);
      await tap(ada);
      assert.deepEqual(await ada.browser.watch(waiting.events), { final: "approved" });
      if (database === "sqlite") await town.database.initialize();
    });

  it("F20: SIGTERM ends a process that still waits for its database", BOUNDED, async (t) => {
    const town = await openTown(t, { database: "postgres" });
    const { webs, workers, postgres } = town.world;
    await Promise.all([...webs, ...workers].map((place) => place.part().kill()));
    await postgres?.kill();
    const started = Promise.allSettled([...webs, ...workers].map((place) => place.start()));
    const waiting = (): number => town.lines.filter(({ msg }) => msg === "the database cannot be opened yet").length;
    await eventually(() => waiting() === 2, 10_000, "nobody missed the database");
    for (const place of [...webs, ...workers]) {
      const { value, ms } = await timed(place.part().stop(20_000));
      assert.deepEqual(value, { code: 0, signal: null }, place.name);
      assert.ok(ms < 10_000, `it took ${ms} ms`);
    }
    await started;
    await postgres?.restart();
  });
});
