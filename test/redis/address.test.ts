import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { redisAddress, WrongRedisAddress } from "../../src/redis/address.js";

const A = { host: "a", port: 26_379 };
const HOST = { host: "h", port: 6379, db: 0, family: 0 };

describe("K24: the address of Redis", () => {
  const taken: readonly (readonly [address: string, means: object])[] = [
    ["redis://h", HOST],
    ["REDIS://h:6379/", HOST],
    ["redis://h:7000/15", { ...HOST, port: 7000, db: 15 }],
    ["redis://[::1]:6379", { ...HOST, host: "::1" }],
    ["redis://h?family=6", { ...HOST, family: 6 }],
    ["redis://:secret@h", { ...HOST, password: "secret" }],
    ["redis://app:secret@h", { ...HOST, username: "app", password: "secret" }],
    ["redis://app@h", { ...HOST, username: "app", password: "" }],
    ["redis://:p%40s%23s%2F%3F%25%20%C3%A9@h/1", { ...HOST, password: "p@s#s/?% é", db: 1 }],
    ["redis://:p@ss:word@h", { ...HOST, password: "p@ss:word" }],
    ["rediss://h", { ...HOST, tls: {} }],
    [
      "redis+sentinel://a,b:1,[::1]:2/main",
      { sentinels: [A, { host: "b", port: 1 }, { host: "::1", port: 2 }], name: "main", db: 0, family: 0 },
    ],
    [
      "rediss+sentinel://app:p%40ss@a/main/3?sentinel_password=x%26y",
      {
        ...{
          sentinels: [A],
          name: "main",
          db: 3,
          family: 0,
          username: "app",
          password: "p@ss",
          sentinelPassword: "x&y",
        },
        ...{ tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true },
      },
    ],
    ["redis+cluster://a:26379,h", { nodes: [A, { host: "h", port: 6379 }], family: 0 }],
    ["rediss+cluster://app:p%40ss@a:26379", { nodes: [A], family: 0, username: "app", password: "p@ss", tls: {} }],
    ["/run/redis.sock", { path: "/run/redis.sock", db: 0 }],
    ["unix:/run/redis.sock", { path: "/run/redis.sock", db: 0 }],
    [
      "unix:///run/redis.sock?db=2&username=app&password=a%26b",
      { path: "/run/redis.sock", db: 2, username: "app", password: "a&b" },
    ],
  ];
  for (const [address, means] of taken)
    it(`takes ${address}`, () => {
      assert.deepEqual(redisAddress(address), means);
    });

  const refused: readonly (readonly [address: string, why: RegExp])[] = [
    ["h:6379", /must begin with redis:/],
    ["//h:6379", /must begin with redis:/],
    ["valkey://h", /must begin with redis:/],
    ["redis-sentinel://h/mymaster", /redis\+sentinel:/],
    ["redis+sentinel://h", /NAME is what they call the primary/],
    ["redis+sentinel://h/main/1/2", /NAME is what they call/],
    ["redis+sentinel:///main", /cannot be read as redis\+sentinel/],
    ["redis+sentinel://a,,b/main", /cannot be read as redis\+sentinel/],
    ["redis+sentinel://a:b/main", /cannot be read as redis\+sentinel/],
    ["redis+sentinel://h/main/one", /a database's number/],
    ["redis+sentinel://h/main?role=slave", /\?role= is not known/],
    ["redis+cluster://", /cannot be read as redis\+cluster/],
    ["redis+cluster://a,:1", /cannot be read as redis\+cluster/],
    ["redis+cluster://h/1", /a Cluster has no database's number/],
    ["redis+cluster://h?role=slave", /cannot be read as redis\+cluster/],
    ["redis-cluster://h", /redis\+cluster:/],
    ["redis://", /names no host/],
    ["redis:///1", /names no host/],
    ["redis://a,b:1,c:2", /cannot be read/],
    ["redis://h:99999", /cannot be read/],
    ["redis://a b", /cannot be read/],
    ["redis://:pa#ss@h:6379", /write # as %23/],
    ["redis://:pa/ss@h:6379", /\/ as %2F/],
    ["redis://:pa?ss@h:6379", /\? as %3F/],
    ["redis://app:12?pass@h:6379", /\? as %3F/],
    ["redis://:50%off@h:6379", /% as %25/],
    ["redis://app:12/34@h:6379", /\/ as %2F/],
    ["redis://h/zero", /a database's number/],
    ["redis://h/1/2", /a database's number/],
    ["rediss://h?ssl_cert_reqs=none", /\?ssl_cert_reqs= is not known/],
    ["redis://h?family=5", /family/],
    ["/run/redis.sock?database=1", /\?database= is not known/],
    ["/run/redis.sock?db=one", /a database's number/],
  ];
  for (const [address, why] of refused)
    it(`refuses ${address} with a sentence`, () => {
      assert.throws(
        () => redisAddress(address),
        (error) => {
          assert.ok(error instanceof WrongRedisAddress);
          assert.match(error.message, why);
          assert.doesNotMatch(error.message, /50%off|12\/34|pass@|pa.ss/, "the message tells the password");
          return true;
        },
      );
    });

  it("trusts the given authority where the connection is encrypted", () => {
    assert.deepEqual(redisAddress("rediss://h", "its certificate"), { ...HOST, tls: { ca: "its certificate" } });
  });
});
