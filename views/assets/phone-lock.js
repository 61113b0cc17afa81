/** What unlocks an approval: fingerprint, face or PIN of this phone, asked for by the browser (WebAuthn). */
import { bytes, toJson } from "./passkey-json.js";
import { page } from "./phone-place.js";
import { digest } from "./phone-texts.js";

const TIMEOUT_MS = 60_000;
/** COSE's names for EdDSA, ES256 and RS256. */
const ALGORITHMS = [-8, -7, -257];

/** The person did not unlock it, or the browser could not ask. Nothing was sent. */
export class NotUnlocked extends Error {}

/** Whether this phone can ask its owner at all. */
export async function canUnlock() {
  const available = window.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable;
  return Boolean(await available?.call(PublicKeyCredential).catch(() => false));
}

/**
 * Makes the credential that this phone will unlock for each approval; its challenge is what the phone signs.
 *
 * @param {Uint8Array<ArrayBuffer>} text
 * @param {string} username
 * @returns {Promise<{ id: string, json: unknown }>} `json` is RegistrationResponseJSON.
 * @throws NotUnlocked
 */
export async function makeCredential(text, username) {
  const made = await orNotUnlocked(async () =>
    navigator.credentials.create({
      publicKey: {
        challenge: await digest(text),
        rp: { id: location.hostname, name: page.app },
        // A new one each time: under the account's own, it would take the place of the person's passkey on this phone.
        user: { id: crypto.getRandomValues(new Uint8Array(32)), name: username, displayName: username },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
        timeout: TIMEOUT_MS,
        attestation: "none",
        authenticatorSelection: {
          authenticatorAttachment: "platform",
          residentKey: "discouraged", // it is no passkey, and is not offered as one
          userVerification: "required",
        },
      },
    }),
  );
  return { id: made.id, json: toJson(made) };
}

/**
 * Asks the person to unlock what this phone is about to sign.
 *
 * @param {Uint8Array<ArrayBuffer>} text
 * @param {string} credentialId
 * @returns {Promise<unknown>} AuthenticationResponseJSON
 * @throws NotUnlocked
 */
export async function unlock(text, credentialId) {
  const used = await orNotUnlocked(async () =>
    navigator.credentials.get({
      publicKey: {
        challenge: await digest(text),
        rpId: location.hostname,
        allowCredentials: [{ type: "public-key", id: bytes(credentialId), transports: ["internal"] }],
        timeout: TIMEOUT_MS,
        userVerification: "required",
      },
    }),
  );
  return toJson(used);
}

/** @param {() => Promise<Credential | null>} ask */
async function orNotUnlocked(ask) {
  try {
    const given = await ask();
    if (given) return given;
  } catch {
    // Closed, too late, or no such credential: browsers do not say which.
  }
  throw new NotUnlocked();
}
