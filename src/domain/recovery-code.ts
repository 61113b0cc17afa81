import { randomBytes } from "node:crypto";

import { hashSecret } from "./secrets.js";
import { typedCode } from "./typed-code.js";

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789x"; // 32 signs; no i, l, o, 0, 1
const CODES = 10;
const SHAPE = new RegExp(`^[${ALPHABET}]{16}$`);

/** One code of 80 random bits, as `xxxx-xxxx-xxxx-xxxx`. */
function newRecoveryCode(): string {
  const signs = Array.from(randomBytes(16), (byte) => ALPHABET[byte & 31]).join("");
  return (signs.match(/.{4}/g) ?? []).join("-");
}

/** True for a text that can only be a recovery code; app codes are 6 to 8 digits. */
export function looksLikeRecoveryCode(typed: string): boolean {
  return SHAPE.test(typedCode(typed));
}

/** How a code is kept and compared: only its letters and digits count. */
export function hashRecoveryCode(typed: string): string {
  return hashSecret(`recovery ${typedCode(typed)}`);
}

/** Ten codes of 80 random bits each, to be shown once; only their hashes are kept. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: CODES }, newRecoveryCode);
}
