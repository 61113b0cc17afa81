import assert from "node:assert/strict";
import { describe, it } from "node:test";
import Database from "better-sqlite3";

import type { ChallengeRow } from "../../src/database/schema.js";
import { callbackBody, signCallback } from "../kit/authy.js";
import { BOUNDED, feelPulse, inTime, timed } from "../kit/in-time.js";
import { challengeOf, enrol, type Person, startSignIn, typePassword } from "../kit/people.js";
import type { Program } from "../kit/program.js";
import { until } from "../kit/until.js";
import { finish, startBalanced } from "./sign-ins.js";

function callbackFor(program: Program, uuid: string, providerId: string): Promise<Response> {
  const url = `${program.site}/webhooks/authy/onetouch`;
  const { headers, body } = signCallback(callbackBody(uuid, providerId, "approved"), {
    key: program.env["AUTHY_PRODUCTION_API_KEY"] ?? "",
    url,
  });
  return fetch(url, { method: "POST", headers, body });
}

/** A form, a page and many callbacks at once; and the longest that the process left a page waiting that needs nothing. */
async function rush(program: Program, { browser }: Person, password: Record<string, string>, row: ChallengeRow | null) {
  const callback = (): Promise<Response> => callbackFor(program, row?.providerRef ?? "", row?.providerId ?? "");
  const pulse = feelPulse(program.site);
  const [typed, called, read] = await Promise.all([
    timed(browser.post("/login", password)),
    timed(callback()),
    timed(browser.get("/login")),
    ...Array.from({ length: 20 }, callback),
  ]);
  return { typed, called, read, standstillMs: await pulse.stop() };
}

type Rush = Awaited<ReturnType<typeof rush>>;

describe("the database goes away", () => {
  it(
    "F14: another process holds SQLite: 503 with Retry-After, nothing changed, and the loop goes round",
    BOUNDED,
    async (t) => {
      const program = await startBalanced(t, { workers: 0 });
      const [ada, bob, eve] = [await enrol(program, "ada"), await enrol(program, "bob"), await enrol(program, "eve")];
      await program.phone.faults({ callbacks: "drop" });
      const waiting = await startSignIn(ada);
      const row = await challengeOf(program, waiting);
      const settled = await challengeOf(program, await startSignIn(eve));
      await bob.browser.post("/logout");
      const password = { username: bob.username, password: bob.password };
      const other = new Database((program.env["DATABASE_URL"] ?? "").replace(/^sqlite:/, ""));
      t.after(() => other.close());

      // The same without the lock: so much is the machine's.
      const free = await rush(program, bob, password, settled);
      assert.equal(free.typed.value.status, 303);
      assert.equal(free.called.value.status, 200);
      other.exec("BEGIN EXCLUSIVE");
      const { typed, called, read, standstillMs } = await rush(program, bob, password, row);
      other.exec("ROLLBACK");
      const freeAgain = await rush(program, bob, password, settled);
      assert.equal(freeAgain.typed.value.status, 303);
      const share = (of: (one: Rush) => number): number => 3 * Math.max(of(free), of(freeAgain));

      assert.equal(typed.value.status, 503);
      assert.ok(Number(typed.value.headers["retry-after"]) >= 1, "Retry-After of the form");
      assert.equal(called.value.status, 503);
      assert.ok(Number(called.value.headers.get("retry-after")) >= 1, "Retry-After of the callback");
      assert.ok(typed.ms < 4000 + share((one) => one.typed.ms), `the form took ${typed.ms} ms`);
      assert.ok(called.ms < 4000 + share((one) => one.called.ms), `the callback took ${called.ms} ms`);
      assert.ok(read.ms < 1500 + share((one) => one.read.ms), `a page that only reads took ${read.ms} ms`);
      const stillMs = 250 + share((one) => one.standstillMs);
      assert.ok(standstillMs < stillMs, `the event loop stood still for ${standstillMs} ms, ${stillMs} are the most`);
      assert.equal((await challengeOf(program, waiting))?.state, "pending", "nothing was changed");
      assert.equal(
        (await callbackFor(program, row?.providerRef ?? "", row?.providerId ?? "")).status,
        200,
        "sent again, it counts",
      );
      assert.equal((await finish(ada)).location, "/account");
      assert.equal((await typePassword(bob)).location, "/login/approval");
    },
  );

  it("F17: PostgreSQL stops and comes back: 503 in time, then everything as before", BOUNDED, async (t) => {
    const program = await startBalanced(t, { database: "postgres" });
    const ada = await enrol(program, "ada");
    const waiting = await startSignIn(ada);
    const password = { username: ada.username, password: ada.password };
    const told: string[] = [];
    const stream = ada.browser.watch(waiting.events, (status) => told.push(status)).end;
    await until(() => told.includes("pending"), "the stream told nothing");
    await program.postgres?.kill();
    const { value: typed } = await inTime(4500, "the form", ada.browser.post("/login", password));
    assert.equal(typed.status, 503);
    assert.ok(Number(typed.headers["retry-after"]) >= 1, "Retry-After of the form");
    assert.equal((await ada.browser.get("/healthz")).status, 200);
    assert.equal((await ada.browser.get("/readyz")).status, 503);
    assert.equal((await callbackFor(program, "11111111-2222-3333-4444-555555555555", "1")).status, 503);
    await ada.answer("approve"); // its callback is refused and sent again
    await program.postgres?.restart();
    assert.deepEqual(await stream, { final: "approved" });
    assert.equal((await finish(ada)).location, "/account");
    assert.equal((await ada.browser.get("/readyz")).status, 200);
  });

  for (const database of ["sqlite", "postgres"] as const)
    it(`F20: on ${database}, web and worker start without the database and serve when it comes`, BOUNDED, async (t) => {
      const program = await startBalanced(t, { database });
      const { webs, workers, postgres, env } = program;
      const ada = await enrol(program, "ada");
      await Promise.all([...webs, ...workers].map((place) => place.kill()));
      const lock = database === "sqlite" ? new Database(env["DATABASE_URL"]?.replace(/^sqlite:/, "")) : undefined;
      if (lock === undefined) await postgres?.kill();
      else {
        // With the log switched off, whoever opens the file has to change it, and cannot.
        await program.database.destroy();
        lock.pragma("journal_mode = DELETE");
        lock.exec("BEGIN EXCLUSIVE");
      }
      const started = Promise.all([...webs, ...workers].map((place) => place.start()));
      const alive = await until(() => ada.browser.get("/healthz").catch(() => undefined), "nobody listened");
      assert.equal(alive.status, 200);
      assert.equal((await ada.browser.get("/readyz")).status, 503);
      const page = await ada.browser.get("/login");
      assert.equal(page.status, 503);
      assert.ok(Number(page.headers["retry-after"]) >= 1, "Retry-After of the page");
      assert.equal((await callbackFor(program, "11111111-2222-3333-4444-555555555555", "1")).status, 503);
      if (lock === undefined) await postgres?.restart();
      else lock.close();
      await started;
      await program.phone.faults({ callbacks: "drop" });
      const waiting = await startSignIn(ada);
      await ada.answer("approve");
      assert.deepEqual(await ada.browser.watch(waiting.events).end, { final: "approved" });
      if (database === "sqlite") await program.database.initialize();
    });

  it("F20: SIGTERM ends a process that still waits for its database", BOUNDED, async (t) => {
    const program = await startBalanced(t, { database: "postgres" });
    const { webs, workers, postgres } = program;
    await Promise.all([...webs, ...workers].map((place) => place.kill()));
    await postgres?.kill();
    const started = Promise.allSettled([...webs, ...workers].map((place) => place.start()));
    const waiting = (): number => program.lines.filter(({ msg }) => msg === "the database cannot be opened yet").length;
    await until(() => waiting() === 2, "nobody missed the database");
    for (const place of [...webs, ...workers]) {
      const { value } = await inTime(10_000, `the end of ${place.name}`, place.stop(60_000));
      assert.deepEqual(value, { code: 0, signal: null }, place.name);
    }
    await started;
    await postgres?.restart();
  });
});
