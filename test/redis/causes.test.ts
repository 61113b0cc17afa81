import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { causeOf, isOfRedis } from "../../src/redis/causes.js";

describe("K15: a refusal of Redis in words", () => {
  const purpose = "publish to challenge:*";
  for (const [said, reason] of [
    // Redis 6, 7.0, 7.2
    [
      "NOPERM this user has no permissions to access one of the channels used as arguments",
      `lacks the right to ${purpose}`,
    ],
    ["NOPERM No permissions to access a channel", `lacks the right to ${purpose}`],
    ["NOPERM No permissions to access a key", `lacks the right to ${purpose}`],
    [
      "NOPERM this user has no permissions to run the 'publish' command or its subcommand",
      "lacks the right to run PUBLISH",
    ],
    ["NOPERM User app has no permissions to run the 'config|get' command", "lacks the right to run CONFIG GET"],
    ["NOPERM this user has no permissions to run the 'evalsha' command", "lacks the right to run scripts"],
    [
      "NOPERM this user has no permissions to run the 'xadd' command script: 0123456789abcdef0123",
      "lacks the right to run XADD",
    ],
    ["READONLY You can't write against a read only replica. script: 0123456789abcdef0123", "read-only replica"],
    [
      "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
      "read-only replica",
    ],
    ["WRONGPASS invalid username-password pair or user is disabled.", "does not take the user name or the password"],
    ["ERR invalid password", "does not take the user name or the password"],
    ["NOAUTH Authentication required.", "asks for a password"],
    ["MOVED 1234 127.0.0.1:7001", "Redis Cluster"],
    ["ERR max number of clients reached", "maxclients"],
    ["ERR DB index is out of range", "no database with the number"],
    ["ERR something that nobody foresaw", "something that nobody foresaw"],
  ] as const)
    it(`says of "${said}" that it ${reason}`, () => {
      const cause = causeOf(new Error(said), purpose);
      assert.ok(cause.reason.includes(reason), cause.reason);
      assert.equal(cause.isAway, false);
    });

  it("tells a connection from a refusal, and BullMQ's own errors from both", () => {
    for (const away of ["connect ECONNREFUSED 127.0.0.1:6379", "Command timed out", "Connection is closed."]) {
      assert.equal(causeOf(new Error(away)).isAway, true, away);
      assert.equal(isOfRedis(new Error(away)), true, away);
    }
    assert.equal(isOfRedis(Object.assign(new Error("ERR odd"), { name: "ReplyError" })), true);
    assert.equal(isOfRedis(new Error("Missing lock for job poll-1. moveToDelayed")), false);
  });

  it("is the same for every job and script", () => {
    const reasons = ["2f1d7a52-8a0e-4c5a-9d57-3f4e8f2b6c11", "0b9e7c3a-1d2f-4e5a-8b6c-7d8e9f0a1b2c"].map(
      (id) => causeOf(new Error(`ERR odd job poll-${id}`)).reason,
    );
    assert.equal(reasons[0], reasons[1]);
  });
});
