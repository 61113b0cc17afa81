import { createHmac } from "node:crypto";

import { sameText } from "./secrets.js";

/** Longer than clocks ever differ that somebody wants to find out about. */
const LIFE_MS = 86_400_000;

/**
 * What the operator's tool says to a web process, so that this one tells it how its request arrived: the time, signed with
 * a key that only our own programs have.
 */
export function inspectionToken(sessionKey: string, now: Date): string {
  const at = String(now.getTime());
  return `${at}.${signed(sessionKey, at)}`;
}

/** Whether one of our own programs made it, within a day. */
export function isInspection(token: string, sessionKeys: readonly string[], now: Date): boolean {
  const [, at, signature] = /^(\d{1,15})\.([\w-]{43})$/.exec(token) ?? [];
  if (at === undefined || signature === undefined || Math.abs(now.getTime() - Number(at)) > LIFE_MS) return false;
  return sessionKeys.some((key) => sameText(signature, signed(key, at)));
}

function signed(sessionKey: string, at: string): string {
  return createHmac("sha256", sessionKey).update(`inspection|${at}`).digest("base64url");
}
