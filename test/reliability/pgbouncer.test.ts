import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { startPart } from "../kit/part.js";
import { startPgBouncer } from "../kit/pgbouncer.js";
import { freePort } from "../kit/ports.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";
import { type Program, startProgram } from "../kit/program.js";
import { tellStory } from "../kit/story.js";

const ALICE = { username: "alice", email: "alice@example.com", password: "correct horse battery" };

describe("behind PgBouncer with its defaults", () => {
  const ends: (() => void | Promise<void>)[] = [];
  const owner = { after: (end: () => void | Promise<void>) => ends.push(end) };
  let postgres: TestPostgres | undefined;
  let program: Program | undefined;
  before(async () => {
    postgres = await startPostgres(owner);
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  for (const [mode, env] of [
    ["session", { DATABASE_POOL_SIZE: "1" }],
    ["transaction", {}],
  ] as const)
    it(`K3 the whole story is told in ${mode} mode, from the first migration on`, async () => {
      const bouncer = await startPgBouncer(owner, postgres!, mode);
      const url = bouncer.through(await postgres!.createDatabase());
      program = await startProgram(owner, { database: { url }, env });
      const { phone, settledBy } = program;
      const steps = await tellStory({ browser: program.openBrowser(), phone, settledBy }, ALICE);
      assert.equal(steps.at(-1)?.step, "sign in without the phone");
    });

  it("K3 what it refuses is told in its own words, without the password", async (t) => {
    const { DATABASE_URL = "", ...env } = program!.env;
    const url = `${DATABASE_URL.replace("countersign@", "countersign:s3cret@")}?options=-c%20geqo%3Doff`;
    const web = startPart({
      name: "web",
      script: "dist/src/server.js",
      env: { ...env, DATABASE_URL: url, PORT: String(await freePort()) },
    });
    t.after(() => web.kill());
    const line = await web.waitForLine(({ msg }) => msg === "the database cannot be opened yet", 60_000);
    assert.deepEqual([line["code"], line["reason"]], ["08P01", "unsupported startup parameter: options"]);
    assert.doesNotMatch(JSON.stringify(web.lines), /s3cret/);
  });
});
