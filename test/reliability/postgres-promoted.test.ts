import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { BOUNDED, inTime } from "../kit/in-time.js";
import { challengeOf, enrol, register, sendCallback, startSignIn } from "../kit/people.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";
import { startProgram } from "../kit/program.js";
import { startRelay } from "../kit/relay.js";
import { until } from "../kit/until.js";

const PROMISED_MS = 10_000;

/** What becomes of the former primary. */
const FORMER: Readonly<Record<string, (former: TestPostgres) => Promise<unknown>>> = {
  "is gone": (former) => former.kill(),
  "takes no more writes and keeps its connections": async (former) => {
    await former.run("ALTER SYSTEM SET default_transaction_read_only = on");
    await former.run("SELECT pg_reload_conf()");
  },
};

describe("a replica of PostgreSQL becomes the primary", () => {
  for (const [what, leave] of Object.entries(FORMER))
    it(`K12: sign-ins and callbacks go on there when the former one ${what}`, BOUNDED, async (t) => {
      const former = await startPostgres(t);
      const url = new URL(await former.createDatabase());
      const next = await startPostgres(t, { replicaOf: former });
      const relay = await startRelay(t, former.port);
      url.port = String(relay.port);
      // The poll after the failover is not to wait for a callback, although some arrive.
      const env = { POLL_FIRST_WITH_CALLBACKS_MS: "2000" };
      const program = await startProgram(t, { webs: 2, database: { url: url.href }, env });
      const [ada, eve, bob] = [await enrol(program), await enrol(program), await register(program)];
      await program.phone.faults({ callbacks: "drop" });
      const before = await challengeOf(program, await startSignIn(ada));
      // The second process does nothing but read: somebody there waits for a phone that nobody answers.
      const waiting = await startSignIn(eve);
      const stream = eve.browser.copy(program.webs[1]?.site).watch(waiting.events);
      await stream.first();
      await program.database.destroy(); // what looks on from here does not count
      const [lsn] = await former.run("SELECT pg_current_wal_lsn() AS at");
      const hasAll = async () =>
        (await next.run(`SELECT pg_last_wal_replay_lsn() >= '${String(lsn?.["at"])}' AS has`))[0]?.["has"] === true;
      await until(hasAll, "the replica did not follow");

      await leave(former);
      const refused = await bob.login(program.openBrowser());
      assert.equal(refused.status, 503);
      assert.ok(Number(refused.headers["retry-after"]) >= 1);

      relay.leadTo(next.port);
      await next.run("SELECT pg_promote()");
      const isBack = async () => (await bob.login(program.openBrowser())).status === 303;
      await inTime(PROMISED_MS, "signing in at the new primary", until(isBack, "nobody could sign in", 60_000));
      const called = await sendCallback(program, before?.providerRef ?? "", ada.authyId, "approved");
      assert.equal(called.status, 200);
      const { id } = await startSignIn(ada);
      await ada.answer("approve");
      const settledBy = async (): Promise<unknown> =>
        (await next.run(`SELECT settled_by FROM challenges WHERE id = '${id}'`, url.pathname.slice(1)))[0]?.[
          "settled_by"
        ];
      await inTime(PROMISED_MS, "the worker asking", until(settledBy, "nobody asked Authy", 60_000));
      assert.equal(await settledBy(), "poll");
      const there = `SELECT 1 FROM pg_stat_activity WHERE datname = '${url.pathname.slice(1)}'`;
      const isLeft = async () => (await former.run(there).catch(() => [])).length === 0;
      await inTime(PROMISED_MS, "leaving the former primary", until(isLeft, "somebody stays there", 60_000));
      assert.equal((await fetch(`${program.webs[1]?.site}/readyz`)).status, 200);
      stream.close();
    });
});
