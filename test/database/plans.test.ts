import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, it } from "node:test";
import * as oidc from "openid-client";

import { databaseRows } from "../../src/database/rows.js";
import { newApplication } from "../../src/domain/manage-applications.js";
import { addApplication, authorizationRequest, opens, signInTo, wayOut } from "../kit/openid-client.js";
import { enrol, startSignIn } from "../kit/people.js";
import { startPostgres } from "../kit/postgres.js";
import { startProgram } from "../kit/program.js";
import { visitSite } from "../kit/site-visitor.js";
import { until } from "../kit/until.js";

/** Tables that are small in every deployment, or read as a whole. */
const SMALL = new Set(["migrations", "signing_keys"]);

const CHECKS = 20;

it("R57 no statement of enrolment, sign-in, step-up, gate and provider reads a whole table of PostgreSQL", async () => {
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

  const plansNow = () => readFileSync(log, "utf8").split(/^(?=\S.*LOG: {2}duration: )/m);
  const textOf = (plan: string) => (/Query Text: ([^]*?)\n.*\(cost=/.exec(plan)?.[1] ?? "").replace(/\s+/g, " ");
  const client = await addApplication(program, { logoutRedirectUris: ["https://app.example/left"] });
  const before = plansNow().length;
  const given = await signInTo(client, person.browser);
  const written = plansNow()
    .slice(before)
    .map(textOf)
    .filter((text) => /^(INSERT|UPDATE|DELETE)/.test(text) && !text.startsWith('UPDATE "challenges"'));
  assert.ok(written.length > 2 && written.length <= 10, `a first sign-in of a client writes: ${written.join("\n")}`);
  assert.equal(await opens(program.site, given.access_token), true);
  const refreshed = await oidc.refreshTokenGrant(client.config, given.refresh_token ?? "");
  await oidc.tokenIntrospection(client.config, refreshed.access_token);
  await oidc.tokenRevocation(client.config, refreshed.access_token);
  const asking = await addApplication(program, { asksConsent: true });
  const { path: consent } = await authorizationRequest(asking);
  await person.browser.submit(await person.browser.visit(consent), "/oidc/interaction/consent", { decision: "yes" });
  await wayOut(person.browser, "/continue");
  const device = await addApplication(program, { kind: "device", redirectUris: [] });
  const asked = await oidc.initiateDeviceAuthorization(device.config, { scope: "openid" });
  const code = await person.browser.visit(`/device?user_code=${asked.user_code}`);
  await person.browser.submit(code, "/device/answer", { decision: "yes" });
  await person.approve(person.browser, "/device/approval");
  await oidc.pollDeviceAuthorizationGrant(device.config, { ...asked, interval: 0 });

  const site = "https://app.example.org";
  const rows = databaseRows(program.database);
  const admitted = [{ everyone: true }] as const;
  await rows.applications.insert(
    newApplication({ name: "App", level: 2, maxAgeSeconds: null, admitted }, "site", "site", new Date()),
  );
  await rows.sites.insert({ applicationId: "site", origin: site, publicPaths: [], allowsPreflight: false });
  const visitor = visitSite(site, program.site);
  await visitor.signIn(person.browser);
  const beforeChecks = plansNow().length;
  for (let checks = 0; checks < CHECKS; checks += 1) assert.equal((await visitor.check("/")).status, 200);
  const countReads = () =>
    plansNow()
      .slice(beforeChecks)
      .map(textOf)
      .filter((text) => /\b(sites|applications|gate_\w+|memberships)\b/.test(text)).length;
  // PostgreSQL's collector writes a moment later.
  await until(() => countReads() >= 2 * CHECKS, "checks are not in the log");
  assert.equal(countReads(), 2 * CHECKS, "two reads for each check");
  await person.browser.visit("/account/applications");
  await person.browser.post("/logout");
  const { id } = await startSignIn(person);
  const expired = async () =>
    (await program.database.getRepository("challenge").findOneBy({ id }))?.["state"] === "expired";
  await until(expired, "the request did not expire", 20_000);

  const plans = plansNow();
  assert.ok(plans.length > 200, `${plans.length} plans`);
  // The statement, and which table it reads as a whole.
  const whole = plans.flatMap((plan) => {
    return Array.from(plan.matchAll(/Seq Scan on (\w+)/g), ([, table = ""]) => table)
      .filter((table) => !SMALL.has(table))
      .map((table) => `${table}: ${textOf(plan).replace(/SELECT "\w+"."id" .*? FROM/, "SELECT … FROM")}`);
  });
  assert.deepEqual(new Set(whole), new Set());
});
