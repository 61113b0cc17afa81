import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { networkOf } from "../../src/http/origin.js";

describe("what limits count by", () => {
  for (const [address, network] of [
    ["192.0.2.1", "192.0.2.1"],
    ["unknown", "unknown"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002::7", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8:1:2:3:4:192.0.2.1", "2001:db8:1:2::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ] as const)
    it(`A6, E10: ${address} is one of ${network}`, () => {
      assert.equal(networkOf(address), network);
    });
});
