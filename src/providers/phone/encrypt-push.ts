import type { ECDH } from "node:crypto";
import ece from "http_ece";

import { newEcdh } from "./p256.js";

/** What every text is padded to, so that its length tells the push service nothing. */
export const PADDED_BYTES = 1024;

/** The receiver's half of the encryption, as its subscription names it. */
export interface PushKeys {
  /** A point on P-256, 65 bytes. */
  readonly p256dh: Buffer;
  /** 16 bytes. */
  readonly auth: Buffer;
}

/**
 * Encrypts a text for one subscription (RFC 8291, `aes128gcm`), always into a body of the same length.
 *
 * @param once - The sender's key and salt for this one message; fresh ones unless an example is reproduced.
 * @throws RangeError for a text that is longer than what all are padded to.
 */
export function encryptPush(
  text: Buffer,
  { p256dh, auth }: PushKeys,
  once: { readonly privateKey: ECDH; readonly salt?: Buffer } = { privateKey: newEcdh() },
  paddedBytes = PADDED_BYTES,
): Buffer {
  if (text.length > paddedBytes) throw new RangeError(`a push of ${text.length} bytes`);
  return ece.encrypt(text, {
    version: "aes128gcm",
    dh: p256dh,
    authSecret: auth,
    pad: paddedBytes - text.length,
    ...once,
  });
}
