import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";

import { emailProblem, plainEmail } from "../../src/domain/email-address.js";

/** https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, word for word. */
const HTML =
  /^[a-zA-Z0-9.!#$%&'*+\/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

describe("K8 an e-mail address", () => {
  for (const address of [
    "john.o'brien@example.com",
    "maria+sign-in@example.co.uk",
    "first.last@sub.example.museum",
    "!#$%&'*+/=?^_`{|}~-@example.com",
    "1@2.example",
    "root@localhost",
    "a@xn--bcher-kva.example",
    "jörg@bücher.example",
    "用户@例子.公司",
  ])
    it(`may be ${address}`, () => {
      assert.equal(plainEmail(address), address);
      assert.equal(emailProblem(plainEmail(address)), null);
    });

  it("may be whatever an input of type email takes", () => {
    fc.assert(
      fc.property(fc.stringMatching(HTML), (address) => {
        fc.pre(address.length <= 254);
        assert.equal(emailProblem(plainEmail(address)), null, address);
      }),
    );
  });

  for (const [typed, kept] of [
    ["john.o\u2019brien@example.com", "john.o'brien@example.com"],
    ["john.o\u2018brien@example.com", "john.o'brien@example.com"],
    ["john.o\u02bcbrien@example.com", "john.o'brien@example.com"],
    ["john.o\u00b4brien@example.com", "john.o'brien@example.com"],
    ["john.o\uff07brien@example.com", "john.o'brien@example.com"],
    ["anne\u2011marie@my\u2010site.example", "anne-marie@my-site.example"],
    ["\u00a0maria@example.com\u3000", "maria@example.com"],
    ["\u200bmaria\u2060@exam\u00adple.com\ufeff", "maria@example.com"],
    ["\u2066maria@example.com\u2069", "maria@example.com"],
    ["ｍａｒｉａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "maria@example.com"],
  ] as const)
    it(`typed as ${JSON.stringify(typed)} is kept as ${kept}`, () => {
      assert.equal(plainEmail(typed), kept);
      assert.equal(emailProblem(kept), null);
    });

  for (const address of [
    "maria",
    "@example.com",
    "maria@",
    "maria@@example.com",
    "maria@example..com",
    "maria@-example.com",
    "maria@example-.com",
    "maria lopez@example.com",
    "maria@example.com, john@example.com",
    "Maria <maria@example.com>",
    "maria@example.com\nBcc: all@example.com",
    "maria\u0000@example.com",
    `${"a".repeat(250)}@b.example`,
    `maria@${"a".repeat(64)}.example`,
  ])
    it(`may not be ${JSON.stringify(address.slice(0, 40))}`, () => {
      assert.deepEqual(emailProblem(plainEmail(address)), { code: "malformed" });
    });

  it("must be given", () => {
    assert.deepEqual(emailProblem(plainEmail(" \u200b")), { code: "missing" });
  });
});
