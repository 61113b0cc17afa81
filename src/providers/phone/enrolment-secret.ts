import { createHmac } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LETTERS = 16;

/**
 * The secret of an enrolment: 80 bits as 16 base32 letters. It is made from a key of ours and the enrolment's id each time
 * that its page is shown, so that only a hash of it has to be kept.
 */
export function enrolmentSecret(key: string, enrolmentId: string): string {
  const bytes = createHmac("sha256", key).update(`phone-enrolment|${enrolmentId}`).digest();
  let bits = bytes.readBigUInt64BE(0) * 65_536n + BigInt(bytes.readUInt16BE(8));
  let letters = "";
  for (let at = 0; at < LETTERS; at += 1) {
    letters = (ALPHABET[Number(bits & 31n)] ?? "") + letters;
    bits >>= 5n;
  }
  return letters;
}

/** What somebody typed as a secret: case, blanks and dashes count for nothing. @returns null when it cannot be one. */
export function secretIn(typed: string): string | null {
  const letters = typed.toUpperCase().replace(/[\s-]/g, "");
  return /^[A-Z2-7]{16}$/.test(letters) ? letters : null;
}
