import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** 256 random bits as URL-safe text: the value of a cookie. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** 144 random bits as URL-safe text: the public id of a challenge or enrolment. */
export function newId(): string {
  return randomBytes(18).toString("base64url");
}

/** SHA-256 of a secret of high entropy, as the database keeps it. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** The six digits of a challenge, leading zeros kept: nobody without the key can tell them from its id. */
export function matchCode(key: string, challengeId: string): string {
  const bits = createHmac("sha256", key).update(`match-code|${challengeId}`).digest().readBigUInt64BE(0);
  return String(bits % 1_000_000n).padStart(6, "0");
}

/** How a match code is kept: bound to its attempt. */
export function hashMatchCode(attemptId: string, code: string): string {
  return hashSecret(`match ${attemptId} ${code}`);
}

/** Compares two texts without telling by the time taken where they differ. */
export function sameText(a: string, b: string): boolean {
  const [x, y] = [createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest()];
  return timingSafeEqual(x, y);
}
