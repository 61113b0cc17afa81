import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { QueryFailedError } from "typeorm";

import { isDatabaseAway } from "../../src/database/errors.js";
import { DatabaseAway } from "../../src/domain/errors.js";

const failed = (code: string, message = ""): Error =>
  new QueryFailedError("SELECT 1", [], Object.assign(new Error(message), { code }));

describe("an error of the database", () => {
  for (const [code, what] of [
    ["25006", "read-only"],
    ["53100", "disk full"],
    ["53300", "too many connections"],
    ["28P01", "password refused"],
    ["28000", "login refused"],
    ["3D000", "no such database"],
    ["42501", "no permission"],
    ["42P01", "no such table"],
    ["40P01", "deadlock"],
    ["55000", "accepts no connections"],
    ["57014", "cancelled"],
    ["57P01", "shutting down"],
    ["57P03", "starting up"],
    ["58030", "input or output failed"],
    ["08P01", "refused by a pooler"],
    ["ECONNREFUSED", "nobody listens"],
    ["EHOSTUNREACH", "no way there"],
    ["SQLITE_FULL", "disk full"],
    ["SQLITE_READONLY", "read-only"],
  ] as const)
    it(`K12 ${code} (${what}) says that the database is away, as a statement's failure and as a connection's`, () => {
      assert.equal(isDatabaseAway(failed(code)), true);
      assert.equal(isDatabaseAway(Object.assign(new Error("refused"), { code })), true);
    });

  it("K12 says so where a driver has only words, and before the database was opened", () => {
    assert.equal(isDatabaseAway(failed("", "Connection terminated unexpectedly")), true);
    assert.equal(isDatabaseAway(new TypeError("The database connection is not open")), true);
    assert.equal(isDatabaseAway(new DatabaseAway("not open yet")), true);
  });

  it("K12 does not say so where the statement itself is wrong", () => {
    for (const code of ["42601", "23505", "22P02", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_ERROR"])
      assert.equal(isDatabaseAway(failed(code)), false, code);
    for (const nothing of [null, undefined, "away", new Error("something else")])
      assert.equal(isDatabaseAway(nothing), false);
  });
});
