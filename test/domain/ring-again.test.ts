import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { nextRing } from "../../src/domain/ring-again.js";

const START = Date.parse("2026-11-28T10:00:00.000Z");
const at = (seconds: number): Date => new Date(START + seconds * 1000);

describe("ringing a phone again", () => {
  it("PH13 comes after 2, 5 and then 10 s each, until 5 s before the end", () => {
    const rings: number[] = [];
    let now = at(0);
    for (let tries = 1; ; tries++) {
      const next = nextRing(tries, { factorId: "f", afterSeconds: null }, at(60), now);
      if (next === null) break;
      rings.push((next.getTime() - START) / 1000);
      now = next;
    }
    assert.deepEqual(rings, [2, 7, 17, 27, 37, 47]);
  });

  it("waits as long as the push service asked for, and no longer than the request", () => {
    const after = (afterSeconds: number) => nextRing(1, { factorId: "f", afterSeconds }, at(60), at(0));
    assert.deepEqual(after(30), at(30));
    assert.deepEqual(after(55), at(55));
    assert.equal(after(56), null);
  });
});
