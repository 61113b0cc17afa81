import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import jwt from "jsonwebtoken";

import { fromBase64url } from "./base64url.js";

const LIFE_SECONDS = 3600;

/** One of our own keys, by which push services know who sends (RFC 8292). */
export interface VapidKey {
  /** The public point in base64url: what browsers subscribe with and a subscription remembers. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

/**
 * Reads a private P-256 key: 32 bytes in base64url.
 *
 * @returns null when it is no such key.
 */
export function vapidKey(text: string): VapidKey | null {
  const d = fromBase64url(text, 32);
  if (d === null) return null;
  const ecdh = createECDH("prime256v1");
  try {
    ecdh.setPrivateKey(d);
  } catch {
    return null; // zero, or not below the order of the curve
  }
  const point = ecdh.getPublicKey();
  const x = point.subarray(1, 33).toString("base64url");
  const y = point.subarray(33).toString("base64url");
  return {
    publicKey: point.toString("base64url"),
    privateKey: createPrivateKey({ key: { kty: "EC", crv: "P-256", x, y, d: text }, format: "jwk" }),
  };
}

/**
 * The `Authorization` header for one push service.
 *
 * @param endpoint - The token is good for its origin alone.
 * @param subject - Where the service finds us when our pushes trouble it: `mailto:` or `https:`; null leaves it out.
 */
export function vapidAuthorization(
  { publicKey, privateKey }: VapidKey,
  endpoint: URL,
  subject: string | null,
  now: Date,
): string {
  const claims = {
    aud: endpoint.origin,
    exp: Math.floor(now.getTime() / 1000) + LIFE_SECONDS,
    ...(subject === null ? {} : { sub: subject }),
  };
  return `vapid t=${jwt.sign(claims, privateKey, { algorithm: "ES256", noTimestamp: true })}, k=${publicKey}`;
}
