import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A phone's key pair outside of any browser. */
export interface SigningPhone {
  /** Public, in DER. */
  readonly spki: Buffer;
  readonly privateKey: KeyObject;
  /** Signs a text as Web Crypto does: 64 bytes r‖s, in base64url. */
  sign(text: Buffer): string;
}

export function newSigningPhone(): SigningPhone {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    spki: publicKey.export({ format: "der", type: "spki" }),
    privateKey,
    sign: (text) => sign("sha256", text, { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url"),
  };
}
