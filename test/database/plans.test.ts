import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, it } from "node:test";

import { enrol, startSignIn } from "../kit/people.js";
import { startPostgres } from "../kit/postgres.js";
import { startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";

/** Tables that are small in every deployment, or read as a whole. */
const SMALL = new Set(["migrations"]);

it("no statement of enrolment, sign-in and step-up reads a whole table of PostgreSQL", async () => {
  const postgres = await startPostgres({ after });
  // Where an index can be used it is used, however small the table; each statement's plan goes into the log.
  for (const setting of [
    ...["enable_seqscan = off", "logging_collector = on", "log_filename = 'plans.log'", "log_min_messages = 'log'"],
    ...["session_preload_libraries = 'auto_explain'"],
  ])
    await postgres.run(`ALTER SYSTEM SET ${setting}`);
  await postgres.kill();
  await postgres.restart();
  const url = await postgres.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await postgres.run(`LOAD 'auto_explain'; ALTER DATABASE "${name}" SET auto_explain.log_min_duration = 0`);
  const program = await startProgram(
    { after },
    { database: { url }, env: { APPROVAL_TTL_SECONDS: "5", RECONCILE_MS: "200" } },
  );
  const log = path.join(postgres.folder, "cluster", "log", "plans.log");

  const person = await enrol(program);
  await person.browser.post("/logout");
  await person.signIn();
  await person.browser.post("/account/approval", { action: "change-password" });
  await person.approve(person.browser, "/account/approval");
  for (const page of ["", "/activity", "/sessions", "/two-factor", "/applications"])
    assert.equal((await person.browser.get(`/account${page}`)).status, 200);
  await person.browser.post("/logout");
  const { id } = await startSignIn(person);
  const expired = async () =>
    (await program.database.getRepository("challenge").findOneBy({ id }))?.["state"] === "expired";
  await until(expired, "the request did not expire", 20_000);

  const plans = readFileSync(log, "utf8").split(/^(?=\S.*LOG: {2}duration: )/m);
  assert.ok(plans.length > 200, `${plans.length} plans`);
  // The statement, and which table it reads as a whole.
  const whole = plans.flatMap((plan) => {
    const [, text = ""] = /Query Text: (.*)/.exec(plan) ?? [];
    return Array.from(plan.matchAll(/Seq Scan on (\w+)/g), ([, table = ""]) => table)
      .filter((table) => !SMALL.has(table))
      .map((table) => `${table}: ${text.replace(/SELECT "\w+"."id" .*? FROM/, "SELECT … FROM")}`);
  });
  assert.deepEqual(new Set(whole), new Set());
});
