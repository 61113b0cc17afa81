/** The part of http_ece that we use: the package brings no types of its own. */
declare module "http_ece" {
  import type { ECDH } from "node:crypto";

  interface EncryptParameters {
    readonly version: "aes128gcm";
    /** The sender's key for this one message. */
    readonly privateKey: ECDH;
    /** The receiver's public point, uncompressed. */
    readonly dh: Buffer;
    readonly authSecret: Buffer;
    readonly salt?: Buffer;
    /** Bytes of padding beside the one that ends the text. */
    readonly pad?: number;
  }

  interface DecryptParameters {
    readonly version: "aes128gcm";
    readonly privateKey: ECDH;
    readonly authSecret: Buffer;
  }

  const ece: {
    encrypt(text: Buffer, parameters: EncryptParameters): Buffer;
    decrypt(body: Buffer, parameters: DecryptParameters): Buffer;
  };
  export default ece;
}
