import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { hashRecoveryCode, looksLikeRecoveryCode } from "../../src/domain/recovery-code.js";
import { appCodeIn, matchCodeIn, typedCode } from "../../src/domain/typed-code.js";

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
