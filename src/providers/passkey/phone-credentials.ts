import type { PhoneCredential } from "../../domain/phone-key.js";
import { sameText } from "../../domain/secrets.js";
import { credentialHash, loadWebauthn } from "./provider.js";
import type { PasskeySite } from "./webauthn.js";

/**
 * PH8: the credential by which a phone of our own asks its owner to unlock each approval. Its challenges are hashes of what the
 * phone signs, so that nothing has to be kept and none stands for another.
 */
export function phoneCredentials(site: PasskeySite) {
  return {
    /** @returns null for anything but a credential that was made for this challenge, here, and unlocked. */
    async made(response: unknown, challenge: string): Promise<PhoneCredential | null> {
      const { judgeRegistration } = await loadWebauthn();
      const judged = await judgeRegistration(site, response, (given) => sameText(given, challenge));
      if (typeof judged === "string") return null;
      const { credentialId, publicKey: credentialKey } = judged.made;
      return { credentialId, credentialHash: credentialHash(credentialId), credentialKey };
    },
    /** Whether the credential was unlocked for this challenge, here. Copies are not looked for: the phone's own key has none. */
    async isUnlocked(
      { credentialId, credentialKey: publicKey }: Omit<PhoneCredential, "credentialHash">,
      response: unknown,
      challenge: string,
    ): Promise<boolean> {
      const { judgeAssertion, readAssertion } = await loadWebauthn();
      const given = readAssertion(response);
      if (given?.id !== credentialId) return false;
      const judged = await judgeAssertion(site, { credentialId, publicKey }, given, (each) =>
        sameText(each, challenge),
      );
      return typeof judged !== "string";
    },
  };
}

export type PhoneCredentials = ReturnType<typeof phoneCredentials>;
