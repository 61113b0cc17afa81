import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { errorFields } from "../../src/domain/error-fields.js";
import { DatabaseAway } from "../../src/domain/errors.js";

describe("what the log holds of an error", () => {
  it("names the outermost class, and the code and the place of the innermost cause", () => {
    const driver = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });
    const fields = errorFields(new DatabaseAway("away", { cause: new Error("query failed", { cause: driver }) }));
    assert.deepEqual([fields.name, fields.code], ["DatabaseAway", "ECONNREFUSED"]);
    assert.match(fields.at, /^at .*error-fields\.test\.ts/);
  });

  it("keeps an error's own code where no cause has one", () => {
    assert.equal(errorFields(new DatabaseAway("away", { cause: new Error("no code") })).code, "database_away");
  });

  it("K3 has the message of our own errors, which is written for the log", () => {
    assert.equal(
      errorFields(new DatabaseAway("it is read-only", { cause: new Error("hunter2") })).reason,
      "it is read-only",
    );
    assert.equal(errorFields(new Error("hunter2")).reason, undefined);
  });

  it("L2: holds no message, no line of it, and nothing else that an error carries", () => {
    const error = Object.assign(new Error("key=hunter2\n  password hunter2\n"), {
      headers: { "x-authy-api-key": "hunter2" },
      cause: Object.assign(new Error("hunter2\nhunter2"), { parameters: ["hunter2"] }),
    });
    assert.doesNotMatch(JSON.stringify(errorFields(error)), /hunter2/);
    assert.deepEqual(errorFields("hunter2"), { ...errorFields(null) });
  });

  it("ends where an error is its own cause", () => {
    const error = new Error("round and round");
    error.cause = error;
    assert.equal(errorFields(error).name, "Error");
  });
});
