import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Attempt } from "../../src/domain/attempt.js";
import type { Challenge } from "../../src/domain/challenge.js";
import type { Deps } from "../../src/domain/deps.js";
import { judgeApproval } from "../../src/domain/judge-approval.js";
import { judgeCode } from "../../src/domain/judge-code.js";
import { hashRecoveryCode, looksLikeRecoveryCode } from "../../src/domain/recovery-code.js";
import { hashMatchCode } from "../../src/domain/secrets.js";
import { appCodeIn, matchCodeIn, typedCode } from "../../src/domain/typed-code.js";
import { newTally } from "../../src/http/tally.js";

const HYPHENS = {
  "hyphen-minus": "-",
  hyphen: "\u2010",
  "non-breaking hyphen": "\u2011",
  "figure dash": "\u2012",
  "en dash": "\u2013",
  "em dash": "\u2014",
  "horizontal bar": "\u2015",
  minus: "\u2212",
  "small hyphen": "\ufe63",
  "full-width hyphen": "\uff0d",
  "soft hyphen": "\u00ad",
};
const BLANKS = {
  space: " ",
  tab: "\t",
  "line end": "\r\n",
  "non-breaking space": "\u00a0",
  "narrow non-breaking space": "\u202f",
  "ideographic space": "\u3000",
  "zero-width space": "\u200b",
  "zero-width joiner": "\u200d",
  "word joiner": "\u2060",
  "byte order mark": "\ufeff",
  "left-to-right mark": "\u200e",
  "first strong isolate": "\u2068",
};
const DIGITS = {
  "full-width": "１２３０９８",
  "Arabic-Indic": "١٢٣٠٩٨",
  Persian: "۱۲۳۰۹۸",
  Devanagari: "१२३०९८",
  Bengali: "১২৩০৯৮",
  Thai: "๑๒๓๐๙๘",
  Myanmar: "၁၂၃၀၉၈",
  "mathematical bold": "𝟏𝟐𝟑𝟎𝟗𝟖",
  Adlam: "𞥑𞥒𞥓𞥐𞥙𞥘",
};

describe("K9 a code that a person types or pastes", () => {
  const code = "k7dm-2qxw-3vbn-t8zc";
  for (const [name, sign] of Object.entries({ ...HYPHENS, ...BLANKS, quote: "“", "full stop": ".", nothing: "" }))
    it(`may be parted by a ${name}`, () => {
      const typed = sign + code.replaceAll("-", sign) + sign;
      assert.equal(looksLikeRecoveryCode(typed), true);
      assert.equal(hashRecoveryCode(typed), hashRecoveryCode(code));
      assert.equal(matchCodeIn(`${sign}123${sign}098${sign}`), "123098");
      assert.equal(appCodeIn(`12${sign}309${sign}87`), "1230987");
    });

  for (const [script, digits] of Object.entries(DIGITS))
    it(`may have ${script} digits`, () => {
      assert.equal(matchCodeIn(digits), "123098");
      assert.equal(appCodeIn(digits), "123098");
    });

  it("may be in upper case or full-width letters", () => {
    assert.equal(hashRecoveryCode("K7DM 2QXW 3VBN T8ZC"), hashRecoveryCode(code));
    assert.equal(hashRecoveryCode("ｋ７ｄｍ－２ｑｘｗ－３ｖｂｎ－ｔ８ｚｃ"), hashRecoveryCode(code));
  });

  it("every decimal digit of Unicode is worth what it says", () => {
    for (let zero = 0, at = 0; at <= 0x10ffff; at += 1) {
      if ((at >= 0xd800 && at <= 0xdfff) || !/\p{Nd}/u.test(String.fromCodePoint(at))) continue;
      if (!/\p{Nd}/u.test(String.fromCodePoint(Math.max(0, at - 1)))) zero = at;
      assert.equal(typedCode(String.fromCodePoint(at)), String((at - zero) % 10), at.toString(16));
    }
  });

  it("is none with too few, too many or other signs", () => {
    for (const typed of ["", "12345", "1234567", "12345x", "½23456", "a123456", "12345é", "-".repeat(6)])
      assert.equal(matchCodeIn(typed), null, typed);
    for (const typed of ["12345", "123456789", "abc123456"]) assert.equal(appCodeIn(typed), null, typed);
    for (const typed of ["", "k7dm-2qxw-3vbn-t8z", `${code}a`, "k7dm-2qxw-3vbn-t8z0", "k7dm-2qxw-3vbn-t8zé"])
      assert.equal(looksLikeRecoveryCode(typed), false, typed);
  });
});

describe("K9 a code that is judged", () => {
  const attempt = { id: "a1", state: "open", asksMatchCode: true, tries: 0, epoch: 1, expiresAt: new Date(1e15) };

  /** One approved attempt, and how many tries it has cost. */
  function withApproval(): { deps: Deps; tried: string[] } {
    const tried: string[] = [];
    const challenge = { state: "approved", matchCodeHash: hashMatchCode("a1", "123098") };
    const deps = {
      challenges: { findDecisive: () => Promise.resolve(challenge as Challenge) },
      attempts: { countTry: () => Promise.resolve(tried.push("match code")) },
      subscribers: { find: () => Promise.resolve({ id: "s1", usernameKey: "maria", epoch: 1 }) },
      recoveryCodes: { isLeft: () => Promise.resolve(false) },
      factors: { listActive: () => Promise.resolve([{ id: "f", type: "authy-push", providerId: "7" }]) },
      providers: {
        "authy-push": {
          judges: { verifyCode: (_factor: unknown, code: string) => Promise.resolve(code === "1230987" ? {} : null) },
        },
      },
      failures: {
        take(bucket: string) {
          tried.push(bucket);
          return Promise.resolve(null);
        },
      },
      tally: newTally(),
      settings: {},
      now: () => new Date(),
    } as unknown as Deps;
    return { deps, tried };
  }

  for (const typed of ["123098", "123\u2011098", " 1 2 3 0 9 8 ", "\u200e۱۲۳۰۹۸", "“123098”"])
    it(`is right as the match code ${JSON.stringify(typed)}`, async () => {
      const { deps } = withApproval();
      assert.equal((await judgeApproval(deps, attempt as Attempt, typed)).kind, "right");
    });

  for (const typed of ["1230\u2013987", "۱۲۳۰۹۸۷"])
    it(`is right as the app's code ${JSON.stringify(typed)}`, async () => {
      const { deps } = withApproval();
      assert.equal((await judgeCode(deps, attempt as Attempt, typed)).kind, "right");
    });

  for (const typed of ["", "12309", "1230987", "123o98", "-"])
    it(`costs no try as the match code ${JSON.stringify(typed)}`, async () => {
      const { deps, tried } = withApproval();
      const judged = await judgeApproval(deps, attempt as Attempt, typed);
      assert.deepEqual(judged, { kind: "wrong-code", triesLeft: 5, wasJudged: false });
      assert.deepEqual(tried, []);
    });

  for (const typed of ["", "12309", "123098765", "k7dm-2qxw-3vbn", "k7dm-2qxw-3vbn-t8z0", "hello"])
    it(`costs no try as ${JSON.stringify(typed)} in the place of a tap`, async () => {
      const { deps, tried } = withApproval();
      assert.deepEqual(await judgeCode(deps, attempt as Attempt, typed), { kind: "wrong" });
      assert.deepEqual(tried, []);
    });

  it("costs a try where it could be right", async () => {
    const { deps, tried } = withApproval();
    await judgeApproval(deps, attempt as Attempt, "000000");
    await judgeCode(deps, attempt as Attempt, "0000000");
    await judgeCode(deps, attempt as Attempt, "aaaa-aaaa-aaaa-aaaa");
    assert.equal(tried[0], "match code");
    assert.equal(tried.length, 4);
  });
});
