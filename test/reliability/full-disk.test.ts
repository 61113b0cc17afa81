import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { describe, it } from "node:test";
import Database from "better-sqlite3";

import { type Answer, openBrowser } from "../kit/browser.js";
import { BOUNDED } from "../kit/in-time.js";
import { challengeOf, enrol, register, sendCallback, startSignIn } from "../kit/people.js";
import { freePort } from "../kit/ports.js";
import { startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";

/** In the blocks of 512 bytes in which a shell counts. */
const MOST_BLOCKS = 1024;

function assertTryAgain({ status, headers }: Answer, what: string): void {
  assert.equal(status, 503, what);
  assert.ok(Number(headers["retry-after"]) >= 1, `Retry-After: ${what}`);
}

describe("a web process whose SQLite files may grow no more", () => {
  it("K12: 503 for forms and callbacks; well again at once, and what it answered was kept", BOUNDED, async (t) => {
    const program = await startProgram(t, { workers: 0 });
    const [ada, bob] = [await enrol(program), await register(program)];
    await program.phone.faults({ callbacks: "drop" });
    const challenge = await challengeOf(program, await startSignIn(ada));
    const [uuid, phone] = [challenge?.providerRef ?? "", challenge?.providerId ?? ""];

    const port = String(await freePort());
    const site = `http://localhost:${port}`;
    const bounded = spawn("sh", ["-c", `ulimit -f ${MOST_BLOCKS} && exec "$0" dist/src/server.js`, process.execPath], {
      env: { ...program.env, PUBLIC_URL: site, PORT: port },
      stdio: "ignore",
    });
    t.after(() => bounded.kill("SIGKILL"));
    const isReady = () =>
      fetch(`${site}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(isReady, "it did not start", 60_000);
    const logIn = () => bob.login(openBrowser(site));
    const open = (username: string) =>
      openBrowser(site).post("/register", { username, email: "new@example.com", password: "violet harbour lantern" });
    const call = () => sendCallback({ ...program, site }, uuid, phone, "approved");
    assert.equal((await logIn()).status, 303, "it starts well");

    const log = `${(program.env["DATABASE_URL"] ?? "").replace("sqlite:", "")}-wal`;
    program.rows.run("CREATE TABLE filler AS SELECT randomblob(3000) AS bytes");
    // Somebody who reads keeps the log from being emptied into the file and begun anew.
    const reader = new Database(log.replace(/-wal$/, ""), { readonly: true });
    t.after(() => reader.close());
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM filler").get();
    while (statSync(log).size <= MOST_BLOCKS * 512) program.rows.run("UPDATE filler SET bytes = randomblob(3000)");
    for (const what of ["first", "second"]) {
      assertTryAgain(await logIn(), `${what} sign-in`);
      assertTryAgain(await open(what), `${what} registration`);
      assertTryAgain(await call(), `${what} callback`);
      assert.equal((await openBrowser(site).get("/login")).status, 200);
    }
    assert.equal(program.rows.one("SELECT state FROM challenges WHERE id = ?", challenge?.id)?.["state"], "pending");

    reader.exec("COMMIT");
    program.rows.all("PRAGMA wal_checkpoint(TRUNCATE)");
    assert.equal((await logIn()).status, 303);
    assert.equal((await open("third")).status, 303);
    assert.equal((await call()).status, 200);
    // What another process sees was committed, and another process may write, too.
    assert.equal(program.rows.one("SELECT state FROM challenges WHERE id = ?", challenge?.id)?.["state"], "approved");
    assert.equal(program.rows.count("SELECT count(*) FROM subscribers WHERE username = 'third'"), 1);
    assert.equal((await bob.login(program.openBrowser())).status, 303);
  });
});
