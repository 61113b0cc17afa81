import { createHmac, randomBytes } from "node:crypto";

import type { Asked } from "../../domain/factor-provider.js";
import { sameText } from "../../domain/secrets.js";

const LIFE_MS = 5 * 60_000;
const RANDOM_BYTES = 16;
const TIME_BYTES = 6;
const SEAL_BYTES = 32;

/** What a challenge is for: what may be asked for, or a new passkey. */
export type ChallengeUse = Omit<Asked, "purpose"> & { readonly purpose: Asked["purpose"] | "new" };

/**
 * A challenge that only we can have made, for one use: nothing has to be kept until somebody answers it.
 *
 * @returns base64url of random bytes, the time of its end, and a seal over both and the use.
 */
export function newChallenge(key: string, use: ChallengeUse, now: Date): string {
  const body = Buffer.concat([randomBytes(RANDOM_BYTES), Buffer.alloc(TIME_BYTES)]);
  body.writeUIntBE(now.getTime() + LIFE_MS, RANDOM_BYTES, TIME_BYTES);
  return Buffer.concat([body, seal(key, use, body)]).toString("base64url");
}

/** PH17: whether we made it for this very use, five minutes ago at most. */
export function isFreshChallenge(keys: readonly string[], use: ChallengeUse, challenge: string, now: Date): boolean {
  const bytes = Buffer.from(challenge, "base64url");
  if (bytes.length !== RANDOM_BYTES + TIME_BYTES + SEAL_BYTES) return false;
  const body = bytes.subarray(0, -SEAL_BYTES);
  if (body.readUIntBE(RANDOM_BYTES, TIME_BYTES) <= now.getTime()) return false;
  const given = bytes.subarray(-SEAL_BYTES).toString("base64url");
  return keys.some((key) => sameText(given, seal(key, use, body).toString("base64url")));
}

function seal(key: string, { purpose, of }: ChallengeUse, body: Buffer): Buffer {
  return createHmac("sha256", key)
    .update(JSON.stringify(["passkey", purpose, of, body.toString("base64url")]))
    .digest();
}
