/**
 * The exact texts that this phone signs, line by line as src/providers/phone/signed-texts.ts has them, and the forms in which
 * bytes travel.
 */

const encoder = new TextEncoder();

/** @param {readonly string[]} fields */
function lines(...fields) {
  if (fields.some((field) => field.includes("\n"))) throw new Error("a signed field has a line break");
  return encoder.encode(fields.map((field) => `${field}\n`).join(""));
}

export const signedTexts = {
  /** @type {(origin: string, enrolmentId: string, secretHash: string, spki: string, label: string) => Uint8Array<ArrayBuffer>} */
  enrolment: (...fields) => lines("countersign-phone-v1", ...fields),
  /** @type {(origin: string, key: string, nonce: string) => Uint8Array<ArrayBuffer>} */
  open: (...fields) => lines("countersign-open-v1", ...fields),
  /** @type {(origin: string, challenge: string, key: string, decision: string, digest: string) => Uint8Array<ArrayBuffer>} */
  answer: (...fields) => lines("countersign-answer-v1", ...fields),
  /** @type {(origin: string, key: string, endpoint: string, p256dh: string, auth: string, vapid: string) => Uint8Array<ArrayBuffer>} */
  subscription: (...fields) => lines("countersign-subscription-v1", ...fields),
  /** @type {(origin: string, key: string) => Uint8Array<ArrayBuffer>} */
  unsubscribe: (...fields) => lines("countersign-unsubscribe-v1", ...fields),
};

/**
 * What was shown of a request, as one hash.
 *
 * @param {{ message: string, expiresAt: string, details: [string, string][] }} shown
 */
export function requestDigest({ message, expiresAt, details }) {
  return sha256(encoder.encode(JSON.stringify([message, expiresAt, ...details])));
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
export function digest(bytes) {
  return crypto.subtle.digest("SHA-256", bytes);
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
export async function sha256(bytes) {
  return base64url(await digest(bytes));
}

/** @param {string} text */
export function sha256OfText(text) {
  return sha256(encoder.encode(text));
}

/** @param {ArrayBuffer} bytes */
export function base64url(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/**
 * The six digits that both screens show.
 *
 * @param {string} enrolmentId
 * @param {ArrayBuffer} spki
 */
export async function comparisonDigits(enrolmentId, spki) {
  const id = encoder.encode(enrolmentId);
  const both = new Uint8Array(id.length + spki.byteLength);
  both.set(id);
  both.set(new Uint8Array(spki), id.length);
  const hash = new DataView(await crypto.subtle.digest("SHA-256", both));
  return String(hash.getUint32(0) % 1_000_000).padStart(6, "0");
}
