import { randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";

import type { Deps } from "../../domain/deps.js";
import type { FactorProvider, RightCode } from "../../domain/factor-provider.js";
import { openSecret, sealSecret } from "./sealed-secret.js";

/** What every authenticator app understands (RFC 6238, and the defaults of the otpauth addresses). */
const FORM = { algorithm: "SHA1", digits: 6, period: 30 };
const SECRET_BYTES = 20;
/** Clocks of phones are off, and people type slowly: the step before and the one after count, too. */
const STEPS_AROUND = 1;

/** What the provider needs of the program. */
export interface TotpSettings extends Pick<Deps, "totpSecrets" | "log" | "now"> {
  readonly appName: string;
  /** 32 bytes each: the first seals, all open. */
  readonly secretKeys: readonly Buffer[];
}

/**
 * Any authenticator app: six digits of a secret that both sides know and of the time. Nobody else is asked. A code counts
 * once: its step is spent in the transaction of what it opens.
 */
export function totpProvider({ totpSecrets, log, now, appName, secretKeys }: TotpSettings): FactorProvider {
  async function open(factorId: string): Promise<{ secret: Buffer; lastStep: number } | null> {
    const row = await totpSecrets.find(factorId);
    const secret = row && openSecret(row.sealed, factorId, secretKeys);
    // A key of SECRET_KEYS was lost, or the row is another factor's: the operator has to know.
    if (row !== null && secret === null) log.error({ factorId }, "the secret of an authenticator app cannot be opened");
    return row && secret && { secret, lastStep: row.lastStep };
  }

  async function judge(factorId: string, code: string): Promise<RightCode | null> {
    const opened = await open(factorId);
    if (opened === null || code.length !== FORM.digits) return null;
    const timestamp = now().getTime();
    const totp = new TOTP({ ...FORM, secret: new Secret({ buffer: arrayBufferOf(opened.secret) }) });
    const delta = totp.validate({ token: code, timestamp, window: STEPS_AROUND });
    if (delta === null) return null;
    const step = Math.floor(timestamp / (FORM.period * 1000)) + delta;
    if (step <= opened.lastStep) return null;
    return { spend: (rows) => rows.totpSecrets.spendStep(factorId, step) };
  }

  return {
    judges: { verifyCode: ({ id }, code) => judge(id, code) },
    enrols: {
      async begin(rows, { id, createdAt }) {
        const [key] = secretKeys;
        if (key === undefined) throw new Error("there is no key to seal secrets with");
        const sealed = sealSecret(randomBytes(SECRET_BYTES), id, key);
        await rows.totpSecrets.insert({ factorId: id, sealed, createdAt });
      },
      async show({ id }, { username }) {
        const opened = await open(id);
        if (opened === null) return null;
        const secret = new Secret({ buffer: arrayBufferOf(opened.secret) });
        const totp = new TOTP({ ...FORM, issuer: appName, label: username, secret });
        return { qrText: totp.toString(), typed: secret.base32.match(/.{1,4}/g)?.join(" ") ?? "" };
      },
      async confirm({ id }, code) {
        const right = await judge(id, code);
        return right && { state: "completed", providerId: id, ...right };
      },
    },
  };
}

/** The library wants the memory itself. */
function arrayBufferOf(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
