import { z } from "zod";

import { isSignedBy, type PhoneKey } from "./phone-key.js";
import { DECISIONS, requestDigest, type SignedRequest, signedTexts } from "./signed-texts.js";

const hash = z.string().regex(/^[\w-]{43}$/);

const answer = z.strictObject({
  challenge: z.string().regex(/^[\w-]{10,64}$/),
  key: hash,
  decision: z.enum(DECISIONS),
  digest: hash,
  signature: z.string().regex(/^[\w-]{86}$/),
  /** AuthenticationResponseJSON of the factor's credential, where it keeps one. */
  assertion: z.record(z.string(), z.unknown()).optional(),
});

/** What a phone says to a request, as it sends it. */
export type PhoneAnswer = z.infer<typeof answer>;

/** The answer in a body; null for anything else. Nothing of it is believed yet. */
export function readAnswer(body: unknown): PhoneAnswer | null {
  const read = answer.safeParse(body);
  return read.success ? read.data : null;
}

/** What a phone signs of its answer. @param origin - PUBLIC_URL. */
export function answerText(origin: string, { challenge, key, decision, digest }: PhoneAnswer): Buffer {
  return signedTexts.answer(origin, challenge, key, decision, digest);
}

/**
 * True when this key signed this decision about this request, as we know it ourselves, for this site.
 *
 * @param origin - PUBLIC_URL.
 * @param shown - The request from our own rows: a phone that showed something else signed another digest.
 */
export function isGoodAnswer(
  origin: string,
  key: Pick<PhoneKey, "publicKey" | "hash">,
  given: PhoneAnswer,
  shown: SignedRequest,
): boolean {
  if (given.key !== key.hash || given.digest !== requestDigest(shown)) return false;
  return isSignedBy(key, answerText(origin, given), given.signature);
}
