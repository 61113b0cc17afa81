import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isPrivateAddress, plainAddress } from "../../src/http/client-address.js";
import type { Context } from "../../src/http/context.js";
import { networkOf, originOf } from "../../src/http/origin.js";

/** Ways in which proxies and systems write one address, with who does so where that is known. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  "203.0.113.8": [
    "203.0.113.8",
    " 203.0.113.8\t",
    "203.0.113.8:4001", // Azure's gateways
    '"203.0.113.8:4001"',
    "::ffff:203.0.113.8", // a socket that takes both families
    "::FFFF:203.0.113.8",
    "::ffff:cb00:7108",
    "::FFFF:CB00:7108",
    "0:0:0:0:0:ffff:203.0.113.8",
    "0000:0000:0000:0000:0000:ffff:cb00:7108",
    "[::ffff:203.0.113.8]:4001",
    "::ffff:203.0.113.8%eth0",
  ],
  "::ffff:0:0:0": ["::ffff:0:0:0"], // not a mapped address: its mark stands elsewhere
  "2001:db8::8": [
    "2001:db8::8",
    "2001:DB8::8",
    "2001:0db8:0000:0000:0000:0000:0000:0008",
    "2001:db8:0:0:0::8",
    "[2001:db8::8]",
    "[2001:db8::8]:4001",
    '"[2001:DB8::8]:4001"',
    "2001:db8:0:0:0:0:0:8:4001", // eight groups and a port: it cannot be read in another way
    "2001:db8::0.0.0.8",
  ],
  "fe80::1": ["fe80::1", "fe80::1%eth0", "FE80::1%25en0", "[fe80::1%eth0]:443"],
  unknown: ["", "unknown", "_hidden", "203.0.113", "203.0.113.8.9", "203.000.113.008", "0x7f.1", "a".repeat(5000)],
};

function requestFrom(ip: string): Context {
  return { ip, get: () => "" } as unknown as Context;
}

describe("a client's address", () => {
  for (const [address, spellings] of Object.entries(SPELLINGS))
    for (const spelling of spellings)
      it(`K4 X14 A7: ${JSON.stringify(spelling.slice(0, 50))} is ${address}, counted, shown and kept as that`, () => {
        assert.equal(plainAddress(spelling), address);
        assert.equal(originOf(requestFrom(spelling)).address, address);
        assert.equal(networkOf(originOf(requestFrom(spelling)).address), networkOf(address));
      });

  it("is private where a reverse proxy of our own may stand", () => {
    for (const address of [
      "127.0.0.1",
      "10.1.2.3",
      "172.31.0.1",
      "192.168.1.1",
      "100.64.0.9",
      "::1",
      "fd00::1",
      "fe80::1",
    ])
      assert.equal(isPrivateAddress(address), true, address);
    for (const address of ["203.0.113.8", "172.32.0.1", "100.128.0.1", "2001:db8::1", "unknown", ""])
      assert.equal(isPrivateAddress(address), false, address);
  });
});
