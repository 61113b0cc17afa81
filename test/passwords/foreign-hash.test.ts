import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { foreignHash } from "../../src/passwords/foreign-hash.js";

/** Of "password", as the documentation of passlib (Python) shows them. */
const VECTORS = [
  "$2a$12$NT0I31Sa7ihGEWpka9ASYeEFkhuTNeBQ2xfZskIiiJeyFXhRgS.Sy",
  "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
  "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
  "$argon2i$v=19$m=512,t=2,p=2$aI2R0hpDyLm3ltLa+1/rvQ$LqPKjd6n8yniKtAithoR7A",
];

describe("hashes of other systems", () => {
  for (const vector of VECTORS)
    it(`C7 judges ${vector.slice(0, 14)}… as its own library does`, async () => {
      const hash = foreignHash(vector);
      assert.ok(typeof hash !== "string", hash as string);
      assert.equal(await hash.verify("password"), true);
      assert.equal(await hash.verify("Password"), false);
    });

  it("C7 takes every way of writing them", () => {
    const [salt, key] = ["aaaaaaaaaaaaaaaaaaaaaa", "a".repeat(43)];
    for (const text of [
      `$2b$10$${"a".repeat(53)}`,
      `$2y$10$${"a".repeat(53)}`,
      `$pbkdf2$i=100000$${salt}$${key}`,
      `$pbkdf2-sha512$i=100000,l=32$${salt}$${key}`,
      `$argon2id$v=19$m=65536,t=3,p=4$${salt}$${key}`,
      `$argon2d$m=65536,t=3,p=4$${salt}$${key}`,
    ])
      assert.equal(typeof foreignHash(text), "object", text);
  });

  it("C7 refuses whatever costs too much, and whatever is none of them", () => {
    const [salt, key] = ["aaaaaaaaaaaaaaaaaaaaaa", "a".repeat(43)];
    for (const text of [
      `$2b$15$${"a".repeat(53)}`,
      `$scrypt$ln=20,r=8,p=1$${salt}$${key}`,
      `$scrypt$ln=14,r=8,p=1000$${salt}$${key}`,
      `$scrypt$ln=99,r=9999,p=9999$${salt}$${key}`,
      `$pbkdf2-sha256$i=9000000$${salt}$${key}`,
      `$argon2id$v=19$m=1048576,t=1,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=65536,t=1000,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=65536,t=1,p=64$${salt}$${key}`,
    ])
      assert.equal(foreignHash(text), "cost", text);
    for (const text of [
      ...["", "password", "$1$salt$hash", "{SSHA}abc", `$2x$10$${"a".repeat(53)}`, `$2b$10$${"a".repeat(52)}`],
      ...[`$2b$03$${"a".repeat(53)}`, `$pbkdf2-md5$i=1000$${salt}$${key}`, `$pbkdf2-sha256$i=1000,l=20$${salt}$${key}`],
      ...[
        `$scrypt$ln=0,r=8,p=1$${salt}$${key}`,
        `$argon2id$v=19$m=1,t=1,p=4$${salt}$${key}`,
        `$argon2id$v=18$m=65536,t=1,p=1$${salt}$${key}`,
      ],
      `$2b$10$${"a".repeat(53)}\n`,
    ])
      assert.equal(foreignHash(text), "form", text);
  });
});
