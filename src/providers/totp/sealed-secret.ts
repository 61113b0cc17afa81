import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals a secret with AES-256-GCM for one factor alone: put into another factor's row, it opens nothing.
 *
 * @param key - 32 bytes.
 */
export function sealSecret(secret: Buffer, factorId: string, key: Buffer): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(factorId));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** @returns the secret, or null when none of the keys sealed it for this factor. */
export function openSecret(sealed: string, factorId: string, keys: readonly Buffer[]): Buffer | null {
  const bytes = Buffer.from(sealed, "base64url");
  for (const key of keys)
    try {
      const options = { authTagLength: TAG_BYTES };
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES), options);
      decipher.setAAD(Buffer.from(factorId)).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
    } catch {
      // Sealed with another key: while keys change there are several.
    }
  return null;
}
