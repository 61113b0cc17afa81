import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { promisify } from "node:util";

import type { Deps } from "../domain/deps.js";
import {
  dueKeyStep,
  type KeyTimes,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
  type SigningKey,
} from "../domain/signing-key.js";

const generate = promisify(generateKeyPair);
const IV_BYTES = 12;
const TAG_BYTES = 16;

type KeyDeps = Pick<Deps, "signingKeys" | "log" | "now">;

/** A key pair that can be used: its private half was opened. */
export interface OpenKey extends Pick<SigningKey, "kid" | "algorithm" | "state"> {
  readonly privateKey: KeyObject;
}

/**
 * Makes, promotes and removes keys until nothing is due. May run in several processes at once: the database lets one of them
 * take each step.
 *
 * @param isNow - Another key is to sign at once.
 */
export async function renewKeys(
  { signingKeys, log, now }: KeyDeps,
  sessionKeys: readonly string[],
  times: KeyTimes,
  isNow = false,
): Promise<void> {
  for (const algorithm of SIGNING_ALGORITHMS) {
    await retireSealed({ signingKeys, log, now }, sessionKeys, algorithm);
    let isAsked = isNow;
    for (;;) {
      const at = now();
      const keys = (await signingKeys.list()).filter((key) => key.algorithm === algorithm);
      const due = dueKeyStep(keys, times, at, isAsked);
      if (due === null) break;
      if (due.step === "make") await signingKeys.insert(await newKey(algorithm, due.as, sessionKeys[0] ?? "", at));
      else if (due.step === "remove") await signingKeys.remove(due.retired.kid);
      else {
        // Between the two nothing is current, which whoever comes by takes for this very step.
        if (due.current !== null) await signingKeys.move(due.current.kid, "current", "retired", at);
        await signingKeys.move(due.next.kid, "next", "current", at);
        isAsked = false; // by this process, or another one at the same moment
      }
    }
  }
}

/** Publishes a key that signs from tomorrow on. @returns false when there is one for each algorithm already. */
export async function publishNextKeys({ signingKeys, now }: KeyDeps, sessionKeys: readonly string[]): Promise<boolean> {
  const made = [];
  for (const algorithm of SIGNING_ALGORITHMS)
    made.push(await signingKeys.insert(await newKey(algorithm, "next", sessionKeys[0] ?? "", now())));
  return made.includes(true);
}

/** Keys that none of SESSION_KEYS opens sign nothing: others take their place. */
async function retireSealed(
  { signingKeys, log, now }: KeyDeps,
  sessionKeys: readonly string[],
  algorithm: SigningAlgorithm,
): Promise<void> {
  for (const key of await signingKeys.list()) {
    if (key.algorithm !== algorithm || key.state === "retired" || openKey(key, sessionKeys) !== null) continue;
    log.warn({ kid: key.kid, algorithm }, "no key of SESSION_KEYS opens this signing key: another one is made");
    await signingKeys.move(key.kid, key.state, "retired", now());
  }
}

async function newKey(
  algorithm: SigningAlgorithm,
  state: SigningKey["state"],
  sessionKey: string,
  at: Date,
): Promise<SigningKey> {
  const { privateKey, publicKey } =
    algorithm === "RS256"
      ? await generate("rsa", { modulusLength: 2048 })
      : await generate("ec", { namedCurve: "P-256" });
  const jwk = publicKey.export({ format: "jwk" });
  const kid = thumbprint(jwk);
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  return {
    ...{ kid, algorithm, state, createdAt: at, stateSince: at },
    publicKey: JSON.stringify({ ...jwk, kid, use: "sig", alg: algorithm }),
    sealed: seal(pkcs8, kid, sessionKey),
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc7638 */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  const members = kty === "RSA" ? { e, kty, n } : { crv, kty, x, y };
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url");
}

/** @returns null when none of the keys opens it. */
export function openKey(key: SigningKey, sessionKeys: readonly string[]): OpenKey | null {
  const { kid, algorithm, state, sealed } = key;
  for (const sessionKey of sessionKeys)
    try {
      const der = unseal(Buffer.from(sealed, "base64url"), kid, sessionKey);
      return { kid, algorithm, state, privateKey: createPrivateKey({ key: der, format: "der", type: "pkcs8" }) };
    } catch {
      // Sealed with another key: while keys change there are several.
    }
  return null;
}

/** The private JWK, as the library wants it. */
export function privateJwk({ kid, algorithm, privateKey }: OpenKey): JsonWebKey {
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: algorithm };
}

function sealingKey(sessionKey: string): Buffer {
  return createHash("sha256").update(`signing keys ${sessionKey}`).digest();
}

function seal(plain: Buffer, kid: string, sessionKey: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(sessionKey), iv).setAAD(Buffer.from(kid));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
}

function unseal(bytes: Buffer, kid: string, sessionKey: string): Buffer {
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(sessionKey), bytes.subarray(0, IV_BYTES), options);
  decipher.setAAD(Buffer.from(kid)).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
}
