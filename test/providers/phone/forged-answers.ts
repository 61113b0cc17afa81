import { randomBytes, randomInt } from "node:crypto";

import { isGoodAnswer, type PhoneAnswer, readAnswer } from "../../../src/providers/phone/phone-answer.js";
import { keyHash, readPhoneKey } from "../../../src/providers/phone/phone-key.js";
import {
  DECISIONS,
  requestDigest,
  type SignedRequest,
  signedTexts,
} from "../../../src/providers/phone/signed-texts.js";
import { newSigningPhone } from "../../kit/signing-phone.js";

const ORIGIN = "https://login.example.com";

/** One try: an answer that came in, and the request that it is judged against. */
interface Try {
  answer: Record<string, unknown>;
  origin: string;
  shown: SignedRequest;
}

/**
 * Makes answers of a real phone to a real request, changes one thing in each (or forges it whole), and judges them as the
 * callback does.
 *
 * @returns how many of them were accepted: none, or signatures are worth nothing.
 */
export function forgeAnswers(count: number): { readonly tried: number; readonly accepted: number } {
  const [phone, stranger] = [newSigningPhone(), newSigningPhone()];
  const key = readPhoneKey(phone.spki.toString("base64url"));
  if (key === null) throw new Error("the phone's key cannot be read");
  const signed = (decision: PhoneAnswer["decision"]): Try => {
    const shown = newRequest();
    const [challenge, digest] = [randomBytes(18).toString("base64url"), requestDigest(shown)];
    const signature = phone.sign(signedTexts.answer(ORIGIN, challenge, key.hash, decision, digest));
    return { answer: { challenge, key: key.hash, decision, digest, signature }, origin: ORIGIN, shown };
  };
  const changes = changesOf(phone, stranger);
  let accepted = 0;
  for (let at = 0; at < count; at += 1) {
    const decision = DECISIONS[at % DECISIONS.length] ?? "deny";
    const one = signed(decision);
    changes[at % changes.length]?.(one);
    const read = readAnswer(one.answer);
    if (read !== null && isGoodAnswer(one.origin, key, read, one.shown)) accepted += 1;
  }
  return { tried: count, accepted };
}

function newRequest(): SignedRequest {
  return {
    message: "Sign in to Acme?",
    expiresAt: new Date(Date.now() + randomInt(120_000)).toISOString(),
    details: [
      ["Account", `p${randomInt(1000)}`],
      ["Code", String(randomInt(1_000_000)).padStart(6, "0")],
    ],
  };
}

type Phone = ReturnType<typeof newSigningPhone>;

function changesOf(phone: Phone, stranger: Phone): readonly ((one: Try) => void)[] {
  const fieldsOf = ({ answer }: Try) => answer as unknown as PhoneAnswer;
  const signAgain = (one: Try, by: Phone, change: Partial<PhoneAnswer> & { origin?: string }): void => {
    const { challenge, key, decision, digest, origin } = { origin: ORIGIN, ...fieldsOf(one), ...change };
    Object.assign(one.answer, { signature: by.sign(signedTexts.answer(origin, challenge, key, decision, digest)) });
  };
  const flipBit = (field: "signature" | "digest" | "key" | "challenge") => (one: Try) => {
    const bytes = Buffer.from(fieldsOf(one)[field], "base64url");
    const bit = randomInt(bytes.length * 8);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    one.answer[field] = bytes.toString("base64url");
  };
  return [
    flipBit("signature"),
    flipBit("digest"),
    flipBit("key"),
    flipBit("challenge"),
    (one) => {
      const { decision } = fieldsOf(one);
      one.answer["decision"] = decision === "approve" ? "deny" : "approve";
    },
    (one) => {
      one.origin = `${ORIGIN}.example.org`;
    },
    (one) => {
      one.shown = newRequest();
    },
    (one) => {
      one.shown = { ...one.shown, details: one.shown.details.slice(0, -1) };
    },
    (one) => {
      one.shown = { ...one.shown, expiresAt: new Date(Date.parse(one.shown.expiresAt) + 1).toISOString() };
    },
    // Signed by another key, under our key's name and under its own.
    (one) => {
      signAgain(one, stranger, {});
    },
    (one) => {
      one.answer["key"] = keyHash(stranger.spki);
      signAgain(one, stranger, {});
    },
    // Signed by the right key, for something else.
    (one) => {
      signAgain(one, phone, { origin: "https://evil.example" });
    },
    (one) => {
      signAgain(one, phone, { challenge: randomBytes(18).toString("base64url") });
    },
    (one) => {
      one.answer["signature"] = phone.sign(signedTexts.open(ORIGIN, fieldsOf(one).key, fieldsOf(one).challenge));
    },
    (one) => {
      one.answer["signature"] = phone.sign(signedTexts.unsubscribe(ORIGIN, fieldsOf(one).key));
    },
    (one) => {
      one.answer["signature"] = randomBytes(64).toString("base64url");
    },
    (one) => {
      one.answer["signature"] = Buffer.alloc(64, randomInt(256)).toString("base64url");
    },
    // Swapped halves, and a shorter or longer text.
    (one) => {
      const bytes = Buffer.from(fieldsOf(one).signature, "base64url");
      one.answer["signature"] = Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)]).toString("base64url");
    },
    (one) => {
      one.answer["signature"] = fieldsOf(one).signature.slice(0, randomInt(86));
    },
    (one) => {
      one.answer["signature"] = `${fieldsOf(one).signature}A`;
    },
  ];
}
