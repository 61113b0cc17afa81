import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { LiveStatus } from "../../src/domain/watched.js";
import { messageOf, statusIn } from "../../src/redis/status-message.js";

const STATUS: LiveStatus = {
  id: "c1",
  kind: "approval",
  status: "denied",
  version: 2,
  expiresAt: new Date("2026-11-24T10:02:00.000Z"),
};

describe("a status that is published", () => {
  it("is read as it was written, about the row whose channel it came on", () => {
    assert.deepEqual(statusIn(messageOf(STATUS), "c1"), STATUS);
    assert.deepEqual(statusIn(messageOf(STATUS), "c2"), { ...STATUS, id: "c2" });
  });

  it("tells nothing when it is of the release before, or of nobody who knows us", () => {
    const forged = (fields: object): string => JSON.stringify({ ...STATUS, ...fields });
    for (const message of [
      ...["", "1", "{", "[]", "{}", "null"],
      ...[forged({ status: "consumed" }), forged({ kind: "sign-in" }), forged({ version: "2" })],
      ...[
        forged({ version: 0 }),
        forged({ version: 1.5 }),
        forged({ version: 2 ** 60 }),
        forged({ expiresAt: "soon" }),
      ],
    ])
      assert.equal(statusIn(message, "c1"), null, message.slice(0, 80));
  });
});
