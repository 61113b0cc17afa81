import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { redisTroubles, type Troubles } from "../../src/redis/troubles.js";

const MINUTE_MS = 60_000;
const FULL = { reason: "its memory is full", isAway: false };
const AWAY = { reason: "ECONNREFUSED", isAway: true };

describe("K2: what the log tells of Redis", () => {
  let [said, now]: [string[], number] = [[], 0];
  let troubles: Troubles;

  beforeEach(() => {
    [said, now] = [[], 0];
    const warn = ({ reason }: Readonly<Record<string, unknown>>, message: string): void => {
      said.push(typeof reason === "string" ? `${message}: ${reason}` : message);
    };
    troubles = redisTroubles({ info: warn, warn, error: warn }, () => now);
  });

  it("is the cause when it begins, once, whoever meets it, and the end when all are over it", () => {
    troubles.meet("check", [FULL]);
    troubles.meet("queue", [FULL]);
    now += 1000;
    troubles.meet("check", [FULL]);
    troubles.over("check");
    assert.ok(troubles.any());
    troubles.over("queue");
    assert.ok(!troubles.any());
    assert.deepEqual(said, ["Redis refuses work: its memory is full", "Redis works again"]);
  });

  it("is the cause again once a minute while it lasts", () => {
    for (; now <= 3 * MINUTE_MS; now += 1000) troubles.meet("check", [FULL]);
    assert.equal(said.length, 4);
  });

  it("is one cause and one end in a minute, when it comes and goes every second", () => {
    for (; now < MINUTE_MS; now += 1000) {
      troubles.meet("check", [FULL]);
      troubles.over("check");
    }
    assert.deepEqual(said, ["Redis refuses work: its memory is full", "Redis works again"]);
  });

  it("is each of several causes in one line, and later only what is new", () => {
    troubles.meet("check", [FULL, { reason: "a right is missing", isAway: false }]);
    troubles.meet("check", [FULL, AWAY]);
    assert.deepEqual(said, [
      "Redis refuses work: its memory is full; a right is missing",
      "Redis is away: ECONNREFUSED",
    ]);
  });

  it("is the end of what only failures are heard of, a while after the last one", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    troubles.failed("queue", new Error("OOM command not allowed"));
    t.mock.timers.tick(4000);
    troubles.failed("queue", new Error("OOM command not allowed"));
    t.mock.timers.tick(4000);
    assert.ok(troubles.any());
    t.mock.timers.tick(1000);
    assert.ok(!troubles.any());
    assert.equal(said.at(-1), "Redis works again");
  });
});
