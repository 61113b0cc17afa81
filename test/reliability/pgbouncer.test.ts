import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { startPgBouncer } from "../kit/pgbouncer.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";
import { startProgram } from "../kit/program.js";
import { tellStory } from "../kit/story.js";

const ALICE = { username: "alice", email: "alice@example.com", password: "correct horse battery" };

describe("behind PgBouncer with its defaults", () => {
  const ends: (() => void | Promise<void>)[] = [];
  let postgres: TestPostgres | undefined;
  before(async () => {
    postgres = await startPostgres({ after: (end) => ends.push(end) });
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  for (const mode of ["transaction", "session"] as const)
    it(`K3 the whole story is told in ${mode} mode, from the first migration on`, async (t) => {
      const bouncer = await startPgBouncer(t, postgres!, mode);
      const url = bouncer.through(await postgres!.createDatabase());
      const program = await startProgram(t, { database: { url } });
      const { phone, settledBy } = program;
      const steps = await tellStory({ browser: program.openBrowser(), phone, settledBy }, ALICE);
      assert.equal(steps.at(-1)?.step, "sign in without the phone");
    });
});
