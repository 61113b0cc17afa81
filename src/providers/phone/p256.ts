import { createECDH, createPublicKey, type ECDH, type KeyObject } from "node:crypto";

/** What stands before the uncompressed point in the SPKI of every P-256 key. */
const SPKI_PREFIX = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
const POINT_BYTES = 65;
const UNCOMPRESSED = 4;

/**
 * Reads a public P-256 key in SPKI form (DER), exactly as browsers export it.
 *
 * @returns null for another curve or form, and for a point that is not on the curve.
 */
export function publicKeyOfSpki(spki: Buffer): KeyObject | null {
  const isP256 =
    spki.length === SPKI_PREFIX.length + POINT_BYTES &&
    spki.subarray(0, SPKI_PREFIX.length).equals(SPKI_PREFIX) &&
    spki[SPKI_PREFIX.length] === UNCOMPRESSED;
  if (!isP256) return null;
  const [x, y] = [spki.subarray(-64, -32).toString("base64url"), spki.subarray(-32).toString("base64url")];
  try {
    // As a JWK it is read in half the time that DER takes. Points off the curve are refused.
    return createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
  } catch {
    return null;
  }
}

/** True for 65 bytes that are an uncompressed point on P-256, as push subscriptions and VAPID keys have it. */
export function isPoint(point: Buffer): boolean {
  return point.length === POINT_BYTES && publicKeyOfSpki(Buffer.concat([SPKI_PREFIX, point])) !== null;
}

/** A fresh private key for one message. */
export function newEcdh(): ECDH {
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  return ecdh;
}
