import { createHmac, randomBytes } from "node:crypto";

import { sameText } from "../../domain/secrets.js";

const LIFE_MS = 60_000;

/** A value that only we can have given, a minute ago at most: what a phone signs to read its requests. */
export function newNonce(key: string, now: Date): string {
  const body = `${randomBytes(16).toString("base64url")}.${(now.getTime() + LIFE_MS).toString(36)}`;
  return `${body}.${mac(key, body)}`;
}

export function isFreshNonce(keys: readonly string[], nonce: string, now: Date): boolean {
  const [random = "", until = "", given = "", ...more] = nonce.split(".");
  if (more.length > 0 || parseInt(until, 36) <= now.getTime()) return false;
  return keys.some((key) => sameText(given, mac(key, `${random}.${until}`)));
}

function mac(key: string, body: string): string {
  return createHmac("sha256", key).update(`phone-nonce|${body}`).digest("base64url");
}
