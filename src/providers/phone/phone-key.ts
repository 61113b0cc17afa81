import { createHash, type KeyObject, verify } from "node:crypto";

import { fromBase64url } from "./base64url.js";
import { publicKeyOfSpki } from "./p256.js";

const SIGNATURE_BYTES = 64;
/** So many keys stay read, those used last: to read one takes longer than to check a signature. */
const KEPT_KEYS = 4000;

const keptKeys = new Map<string, PhoneKey>();

/** A phone's public key. */
export interface PhoneKey {
  readonly spki: Buffer;
  readonly publicKey: KeyObject;
  /** SHA-256 of the SPKI in base64url: how the key is named everywhere. */
  readonly hash: string;
}

/** Reads a key as phones send it: the SPKI of a P-256 key in base64url. @returns null for anything else. */
export function readPhoneKey(text: string): PhoneKey | null {
  const kept = keptKeys.get(text);
  if (kept !== undefined) {
    keptKeys.delete(text);
    keptKeys.set(text, kept); // the newest stand last
    return kept;
  }
  const spki = fromBase64url(text);
  const publicKey = spki === null ? null : publicKeyOfSpki(spki);
  if (spki === null || publicKey === null) return null;
  const key = { spki, publicKey, hash: keyHash(spki) };
  keptKeys.set(text, key);
  const [oldest] = keptKeys.keys();
  if (keptKeys.size > KEPT_KEYS && oldest !== undefined) keptKeys.delete(oldest);
  return key;
}

/** How a key is named. */
export function keyHash(spki: Buffer): string {
  return createHash("sha256").update(spki).digest("base64url");
}

/**
 * True when the key signed exactly this text (ECDSA P-256 with SHA-256, 64 bytes r‖s as Web Crypto gives it).
 *
 * @param signature - In base64url.
 */
export function isSignedBy({ publicKey }: Pick<PhoneKey, "publicKey">, text: Buffer, signature: string): boolean {
  const bytes = fromBase64url(signature, SIGNATURE_BYTES);
  return bytes !== null && verify("sha256", text, { key: publicKey, dsaEncoding: "ieee-p1363" }, bytes);
}

/** The six digits that both screens show during an enrolment, so that the person sees that one key is meant. */
export function comparisonDigits(enrolmentId: string, spki: Buffer): string {
  const first = createHash("sha256").update(enrolmentId).update(spki).digest().readUInt32BE(0);
  return String(first % 1_000_000).padStart(6, "0");
}
