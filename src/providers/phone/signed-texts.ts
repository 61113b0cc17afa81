import { createHash } from "node:crypto";

import type { ShownRequest } from "../../domain/shown-request.js";

/** What a phone may say to a request. `not-me` denies it and reports that somebody else has the password. */
export const DECISIONS = ["approve", "deny", "not-me"] as const;
export type Decision = (typeof DECISIONS)[number];

/**
 * The exact texts that a phone signs. Each begins with a line of its own, so that a signature under one never stands for
 * another, and each names the site as PUBLIC_URL has it, never as a request did. Every line ends with a line feed.
 * Binary is base64url; `key` is the hash of the key (`keyHash`). views/assets/phone-texts.js writes the same.
 */
export const signedTexts = {
  /** A key is shown to an enrolment, by whoever has its secret. */
  enrolment: (origin: string, enrolmentId: string, secretHash: string, spki: string, label: string): Buffer =>
    lines("countersign-phone-v1", origin, enrolmentId, secretHash, spki, label),
  /** The page of the phone wants to read what waits for this key. */
  open: (origin: string, key: string, nonce: string): Buffer => lines("countersign-open-v1", origin, key, nonce),
  /** A request is answered. */
  answer: (origin: string, challengeId: string, key: string, decision: Decision, digest: string): Buffer =>
    lines("countersign-answer-v1", origin, challengeId, key, decision, digest),
  /** The phone may be rung here. */
  subscription: (
    origin: string,
    key: string,
    { endpoint, p256dh, auth, vapid }: Readonly<Record<"endpoint" | "p256dh" | "auth" | "vapid", string>>,
  ): Buffer => lines("countersign-subscription-v1", origin, key, endpoint, p256dh, auth, vapid),
  /** The phone is rung no more. */
  unsubscribe: (origin: string, key: string): Buffer => lines("countersign-unsubscribe-v1", origin, key),
};

/** @throws when a field brings a line feed: it could stand for two fields. */
function lines(...fields: readonly string[]): Buffer {
  if (fields.some((field) => field.includes("\n"))) throw new Error("a signed field has a line break");
  return Buffer.from(fields.map((field) => `${field}\n`).join(""));
}

/** What of a request is signed: its id has a line of its own, its code stands among the details. */
export type SignedRequest = Omit<ShownRequest, "id" | "code">;

/** What a phone signs of a request: the hash of all that it showed, so that what was not shown is not approved. */
export function requestDigest({ message, expiresAt, details }: SignedRequest): string {
  return createHash("sha256")
    .update(JSON.stringify([message, expiresAt, ...details]))
    .digest("base64url");
}
