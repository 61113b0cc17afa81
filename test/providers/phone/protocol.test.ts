import assert from "node:assert/strict";
import { generateKeyPairSync, sign, webcrypto } from "node:crypto";
import { describe, it } from "node:test";

import { isGoodAnswer, type PhoneAnswer, readAnswer } from "../../../src/providers/phone/phone-answer.js";
import { comparisonDigits, isSignedBy, keyHash, readPhoneKey } from "../../../src/providers/phone/phone-key.js";
import { requestDigest, type SignedRequest, signedTexts } from "../../../src/providers/phone/signed-texts.js";
import { newSigningPhone } from "../../kit/signing-phone.js";
import { forgeAnswers } from "./forged-answers.js";

const ORIGIN = "https://login.example.com";
const SHOWN: SignedRequest = {
  message: "Sign in to Acme?",
  expiresAt: "2026-11-28T10:02:00.000Z",
  details: [
    ["Account", "alice"],
    ["From", "203.0.113.9"],
    ["Browser", "Firefox on Linux"],
    ["Time", "10:00"],
    ["Code", "042137"],
  ],
};

const phone = newSigningPhone();
const key = readPhoneKey(phone.spki.toString("base64url"))!;

function answerOf(decision: PhoneAnswer["decision"] = "approve"): PhoneAnswer {
  const [challenge, digest] = ["c".repeat(24), requestDigest(SHOWN)];
  const signature = phone.sign(signedTexts.answer(ORIGIN, challenge, key.hash, decision, digest));
  return { challenge, key: key.hash, decision, digest, signature };
}

describe("the texts that a phone signs", () => {
  it("are exactly those of the protocol", () => {
    const texts = {
      enrolment: signedTexts.enrolment(ORIGIN, "E1", "SECRETHASH", "SPKI", "Chrome on Android"),
      open: signedTexts.open(ORIGIN, "KEY", "NONCE"),
      answer: signedTexts.answer(ORIGIN, "C1", "KEY", "not-me", "DIGEST"),
      subscription: signedTexts.subscription(ORIGIN, "KEY", {
        endpoint: "https://e",
        p256dh: "P",
        auth: "A",
        vapid: "V",
      }),
      unsubscribe: signedTexts.unsubscribe(ORIGIN, "KEY"),
    };
    assert.deepEqual(Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, text.toString()])), {
      enrolment: `countersign-phone-v1\n${ORIGIN}\nE1\nSECRETHASH\nSPKI\nChrome on Android\n`,
      open: `countersign-open-v1\n${ORIGIN}\nKEY\nNONCE\n`,
      answer: `countersign-answer-v1\n${ORIGIN}\nC1\nKEY\nnot-me\nDIGEST\n`,
      subscription: `countersign-subscription-v1\n${ORIGIN}\nKEY\nhttps://e\nP\nA\nV\n`,
      unsubscribe: `countersign-unsubscribe-v1\n${ORIGIN}\nKEY\n`,
    });
  });

  it("PH5 take no field with a line feed, which would stand for two", () => {
    assert.throws(() => signedTexts.enrolment(ORIGIN, "E1", "S", "SPKI", "a\nb"), /line break/);
    assert.throws(() => signedTexts.open(ORIGIN, "KEY\nNONCE", ""), /line break/);
  });

  it("PH5 never stand for each other: a signature under one is none under the others", () => {
    // The same words in every field, so that only the first line can tell them apart.
    const texts = [
      signedTexts.enrolment("o", "x", "x", "x", "x"),
      signedTexts.open("o", "x", "x"),
      signedTexts.answer("o", "x", "x", "approve", "x"),
      signedTexts.subscription("o", "x", { endpoint: "x", p256dh: "x", auth: "x", vapid: "x" }),
      signedTexts.unsubscribe("o", "x"),
    ];
    for (const signed of texts) {
      const signature = phone.sign(signed);
      assert.deepEqual(
        texts.filter((text) => isSignedBy(key, text, signature)),
        [signed],
      );
    }
  });

  it("name a request by all that was shown of it, in its order, the code included", () => {
    assert.equal(requestDigest(SHOWN), "-ZDlgNZKl24uuOl1C2iJJPpA_-3pL8FTiVF1l2VKWCE");
    const others: SignedRequest[] = [
      { ...SHOWN, message: "Sign in to Acme? " },
      { ...SHOWN, expiresAt: "2026-11-28T10:02:00.001Z" },
      { ...SHOWN, details: SHOWN.details.slice(0, -1) },
      { ...SHOWN, details: [...SHOWN.details].reverse() },
      { ...SHOWN, details: SHOWN.details.map(([name, value]) => [name, name === "Code" ? "042138" : value]) },
      { ...SHOWN, details: SHOWN.details.map(([name, value]) => [`${name} `, value]) },
    ];
    for (const other of others) assert.notEqual(requestDigest(other), requestDigest(SHOWN));
  });
});

describe("a phone's key", () => {
  it("is a P-256 key as browsers export it", async () => {
    const pair = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
    const spki = Buffer.from(await webcrypto.subtle.exportKey("spki", pair.publicKey));
    const read = readPhoneKey(spki.toString("base64url"));
    assert.equal(read?.hash, keyHash(spki));
    const text = signedTexts.unsubscribe(ORIGIN, "k");
    const signature = Buffer.from(
      await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, text),
    );
    assert.equal(isSignedBy(read, text, signature.toString("base64url")), true);
  });

  it("PH4 is nothing else: no other curve, form, padding or point", () => {
    const ofCurve = (namedCurve: string): Buffer =>
      generateKeyPairSync("ec", { namedCurve }).publicKey.export({ format: "der", type: "spki" });
    const compressed = Buffer.concat([
      Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex"),
      Buffer.from([2 + ((phone.spki[90] ?? 0) & 1)]),
      phone.spki.subarray(27, 59),
    ]);
    const offCurve = Buffer.from(phone.spki);
    offCurve[90] = (offCurve[90] ?? 0) ^ 1;
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "der", type: "spki" });
    const ed25519 = generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" });
    const wrong = {
      "another curve of the same size": ofCurve("secp256k1"),
      "a larger curve": ofCurve("P-384"),
      RSA: rsa,
      Ed25519: ed25519,
      "a compressed point": compressed,
      "a hybrid point": Buffer.concat([
        phone.spki.subarray(0, 26),
        Buffer.from([6 + ((phone.spki[90] ?? 0) & 1)]),
        phone.spki.subarray(27),
      ]),
      "a point off the curve": offCurve,
      "the point at infinity": Buffer.concat([phone.spki.subarray(0, 26), Buffer.alloc(65)]),
      "more bytes behind it": Buffer.concat([phone.spki, Buffer.alloc(1)]),
      "less of it": phone.spki.subarray(0, 90),
      nothing: Buffer.alloc(0),
    };
    for (const [what, spki] of Object.entries(wrong))
      assert.equal(readPhoneKey(spki.toString("base64url")), null, what);
    assert.equal(readPhoneKey(`${phone.spki.toString("base64url")}=`), null);
    assert.equal(readPhoneKey(phone.spki.toString("base64")), null);
  });

  it("gives six digits that both sides compute from the enrolment and the key", () => {
    const spki = Buffer.alloc(91, 1);
    assert.equal(comparisonDigits("enrolment-1", spki), "279208");
    assert.notEqual(comparisonDigits("enrolment-2", spki), comparisonDigits("enrolment-1", spki));
    assert.notEqual(comparisonDigits("enrolment-1", Buffer.alloc(91, 2)), comparisonDigits("enrolment-1", spki));
    for (let at = 0; at < 100; at += 1) assert.match(comparisonDigits(`e${at}`, spki), /^\d{6}$/);
  });
});

describe("a phone's answer", () => {
  it("is good when the key signed this decision about this request for this site", () => {
    for (const decision of ["approve", "deny", "not-me"] as const)
      assert.equal(isGoodAnswer(ORIGIN, key, answerOf(decision), SHOWN), true);
  });

  it("is read strictly", () => {
    const good = answerOf();
    assert.deepEqual(readAnswer(good), good);
    const wrong: unknown[] = [
      null,
      [],
      "approve",
      {},
      { ...good, decision: "Approve" },
      { ...good, decision: ["approve"] },
      { ...good, challenge: 1 },
      { ...good, key: `${good.key}=` },
      { ...good, digest: "" },
      { ...good, signature: good.signature.slice(1) },
      { ...good, more: true },
      { ...good, assertion: "x" },
    ];
    for (const body of wrong) assert.equal(readAnswer(body), null, JSON.stringify(body));
  });

  it("PH4 is nothing with another origin, decision, digest, challenge, key or request", () => {
    const good = answerOf();
    const other = newSigningPhone();
    const otherKey = readPhoneKey(other.spki.toString("base64url"))!;
    assert.equal(isGoodAnswer(`${ORIGIN}/`, key, good, SHOWN), false);
    assert.equal(isGoodAnswer("https://login.example.org", key, good, SHOWN), false);
    assert.equal(isGoodAnswer(ORIGIN, key, { ...good, decision: "deny" }, SHOWN), false);
    assert.equal(isGoodAnswer(ORIGIN, key, { ...good, challenge: "d".repeat(24) }, SHOWN), false);
    assert.equal(isGoodAnswer(ORIGIN, key, good, { ...SHOWN, message: "Sign in to Acne?" }), false);
    assert.equal(isGoodAnswer(ORIGIN, key, { ...good, key: otherKey.hash }, SHOWN), false);
    assert.equal(isGoodAnswer(ORIGIN, otherKey, good, SHOWN), false);
    assert.equal(isGoodAnswer(ORIGIN, otherKey, { ...good, key: otherKey.hash }, SHOWN), false);
    // Signed by the right key under another one's name.
    const underOther = phone.sign(signedTexts.answer(ORIGIN, good.challenge, otherKey.hash, "approve", good.digest));
    assert.equal(isGoodAnswer(ORIGIN, key, { ...good, key: otherKey.hash, signature: underOther }, SHOWN), false);
    // Signed over another request, with its own digest.
    const elsewhere = requestDigest({ ...SHOWN, details: [] });
    const signature = phone.sign(signedTexts.answer(ORIGIN, good.challenge, key.hash, "approve", elsewhere));
    assert.equal(isGoodAnswer(ORIGIN, key, { ...good, digest: elsewhere, signature }, SHOWN), false);
    assert.equal(isGoodAnswer(ORIGIN, key, { ...good, digest: elsewhere, signature }, { ...SHOWN, details: [] }), true);
  });

  it("PH4 is nothing with any one bit of its signature changed, nor in another form", () => {
    const good = answerOf();
    const bytes = Buffer.from(good.signature, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(isGoodAnswer(ORIGIN, key, { ...good, signature: changed.toString("base64url") }, SHOWN), false);
    }
    // The last character holds four bits that no byte has.
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const same = Array.from(last).filter((letter) =>
      isGoodAnswer(ORIGIN, key, { ...good, signature: good.signature.slice(0, -1) + letter }, SHOWN),
    );
    assert.deepEqual(same, [good.signature.at(-1)]);
    const text = signedTexts.answer(ORIGIN, good.challenge, key.hash, "approve", good.digest);
    const der = sign("sha256", text, phone.privateKey).toString("base64url");
    const zeros = Buffer.alloc(64).toString("base64url");
    for (const signature of ["", der, zeros, bytes.toString("base64"), bytes.toString("hex"), `${good.signature}=`])
      assert.equal(isGoodAnswer(ORIGIN, key, { ...good, signature }, SHOWN), false);
  });

  it("PH4 is accepted for none of many that were forged or altered", () => {
    const { tried, accepted } = forgeAnswers(2000);
    assert.equal(tried, 2000);
    assert.equal(accepted, 0);
  });
});
