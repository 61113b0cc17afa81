import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { openBalancer } from "../kit/balancer.js";
import { BOUNDED, inTime } from "../kit/in-time.js";
import type { Part } from "../kit/part.js";
import { enrol, isSignedIn, startSignIn } from "../kit/people.js";
import { freePort } from "../kit/ports.js";
import { startPostgres } from "../kit/postgres.js";
import { startWeb, startWorker } from "../kit/processes.js";
import { startProgram } from "../kit/program.js";
import { startTlsRedis } from "../kit/tls-redis.js";
import { until } from "../kit/until.js";

const STOPS_WITHIN_MS = 10_000;
const procfile = Object.fromEntries(
  Array.from(readFileSync("Procfile", "utf8").matchAll(/^(\w+): (.*)$/gm), ([, name = "", command = ""]) => [
    name,
    command,
  ]),
);

/** The next release of the program: this one, and one migration more, whose statements are `up`. */
function nextRelease(t: TestContext, up: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-release-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  cpSync("dist", path.join(folder, "dist"), { recursive: true });
  for (const name of ["node_modules", "views", "package.json"])
    symlinkSync(path.resolve(name), path.join(folder, name));
  const source = path.join(folder, "dist/src/database/data-source.js");
  const text = readFileSync(source, "utf8");
  const listed = text.replace(/(migrations: \[[^\]]*)\]/, "$1, Next1790000000000]");
  assert.notEqual(listed, text, "the list of migrations was not found");
  const migration = `class Next1790000000000 { name = "Next1790000000000"; async up(runner) { ${up} } async down() {} }`;
  writeFileSync(source, `${listed}\n${migration}\n`);
  return folder;
}

/** Runs the release command as a platform does. */
async function release(folder: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; said: string }> {
  const child = spawn("sh", ["-c", procfile["release"] ?? ""], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (said += String(part)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

it("F18, K23, K24: a platform fails a release, makes the next one, and nobody notices", BOUNDED, async (t) => {
  assert.deepEqual(procfile, {
    release: "node --enable-source-maps dist/scripts/migrate.js",
    web: "node --enable-source-maps dist/src/server.js",
    worker: "node --enable-source-maps dist/workers/index.js",
  });
  // As such platforms give them: encrypted, by certificates that nobody knows, and an address in place of a name.
  const postgres = await startPostgres(t, { withTls: true, access: ["hostnossl main all all reject"] });
  await postgres.run("CREATE DATABASE main");
  const ports: number[] = [];
  const balancer = openBalancer(ports);
  t.after(() => balancer.close());
  const site = `http://localhost:${await balancer.listen()}`;
  const program = await startProgram(t, {
    ...{ webs: 2, site, isAsShipped: true, withWebhooks: false },
    database: { url: `${postgres.url("main")}?sslmode=no-verify` },
    env: {
      ...{ NODE_ENV: "production", ARGON2_TEST_STRENGTH: "false", MATCH_CODE: "never", DRAIN_WAIT_MS: "2000" },
      ...{ REDIS_URL: await startTlsRedis(t), REDIS_TLS_VERIFY: "false" },
    },
  });
  ports.push(...program.webs.map(({ port }) => port));
  for (const web of program.webs) await web.waitForLine(({ msg }) => msg?.includes("open on every interface") === true);
  const ready = async (port: number): Promise<unknown> =>
    ((await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as { status: string }).status;
  assert.deepEqual(await Promise.all(ports.map(ready)), ["ok", "ok"]);

  const over = new AbortController();
  t.after(() => {
    over.abort();
  });
  const [failed, visitor] = [[] as string[], program.openBrowser()];
  let visits = 0;
  const visiting = (async () => {
    for (; !over.signal.aborted; visits += 1) {
      const answer = await visitor.get("/login").catch(() => null);
      if (answer?.status !== 200) failed.push(`/login: ${answer?.status ?? "broken"}`);
      await wait(100);
    }
  })();
  const [ada, bob] = [await enrol(program), await enrol(program)];
  for (const { browser } of [ada, bob]) await browser.post("/logout");
  const waiting = await startSignIn(ada);
  const stream = ada.browser.watch(waiting.events);
  await stream.first();

  const env = { ...program.env, PUBLIC_URL: site };
  const broken = nextRelease(t, 'await runner.query("CREATE TABLE of_next (id int)"); throw new Error("of no use");');
  const refused = await release(broken, env);
  assert.equal(refused.code, 1);
  assert.match(refused.said, /The database could not be migrated: of no use/);
  const tables = "SELECT 1 FROM information_schema.tables WHERE table_name = 'of_next'";
  assert.deepEqual(await program.database.query(tables), [], "half a release is left behind");
  assert.deepEqual(await Promise.all(ports.map(ready)), ["ok", "ok"]);
  await ada.answer("approve");
  assert.equal(await stream.final(), "approved");
  assert.equal((await ada.browser.post("/login/approval/finish")).location, "/account");

  // The next one: its processes are ready before the former ones are told to stop.
  await startSignIn(bob);
  const good = nextRelease(t, 'await runner.query("CREATE TABLE of_next (id int)");');
  const released = await release(good, env);
  assert.deepEqual([released.code, released.said.trim()], [0, "Migrated: Next1790000000000"]);
  const onStart = (part: Part): void => {
    t.after(async () => {
      await part.kill();
    });
  };
  for (const old of [...program.webs]) {
    const port = await freePort();
    await startWeb({ name: "next web", env, release: good, port, onStart });
    ports.push(port);
    const stopped = await inTime(STOPS_WITHIN_MS, "stopping", old.stop(60_000));
    assert.deepEqual(stopped.value, { code: 0, signal: null });
    ports.splice(ports.indexOf(old.port), 1);
  }
  await startWorker({ name: "next worker", env, release: good, onStart });
  const [worker] = program.workers;
  assert.deepEqual((await inTime(STOPS_WITHIN_MS, "stopping", worker!.stop(60_000))).value, { code: 0, signal: null });

  await bob.tap();
  assert.equal((await bob.browser.post("/login/approval/finish")).location, "/account");
  for (const { browser } of [ada, bob]) assert.equal(await isSignedIn(browser), true);
  await until(() => visits > 20, "too little was tried");
  over.abort();
  await visiting;
  t.diagnostic(`${visits} requests over a failed release and a rolling restart`);
  assert.deepEqual(failed, []);
});
