import { createHash } from "node:crypto";

import type { PhoneCredential } from "../../domain/phone-key.js";

/** Whether phones ask their owner to unlock each approval: never, where they can, or a phone that cannot is not added. */
export type PhoneVerification = "off" | "preferred" | "required";

/** What judges WebAuthn responses, of which nothing is believed yet. */
export interface CredentialJudge {
  made(response: unknown, challenge: string): Promise<PhoneCredential | null>;
  isUnlocked(
    credential: Omit<PhoneCredential, "credentialHash">,
    response: unknown,
    challenge: string,
  ): Promise<boolean>;
}

/** PH8: a credential is asked to sign the hash of the very text that the phone's key signs. */
export function challengeFor(signedText: Buffer): string {
  return createHash("sha256").update(signedText).digest("base64url");
}
