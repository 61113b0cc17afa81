import { createHash } from "node:crypto";

import type { Deps } from "../../domain/deps.js";
import type { Factor } from "../../domain/factor.js";
import type { Asked, FactorProvider, Proven } from "../../domain/factor-provider.js";
import type { Passkey } from "../../domain/passkey.js";
import { hashSecret, sameText } from "../../domain/secrets.js";
import { type ChallengeUse, isFreshChallenge, newChallenge } from "./challenge.js";
import type { PasskeySite } from "./webauthn.js";
import type * as webauthn from "./webauthn.js";

/** How long a browser lets its owner choose and unlock: as long as the challenge lives. */
const TIMEOUT_MS = 5 * 60_000;

export interface PasskeySettings extends PasskeySite {
  readonly appName: string;
  /** The first seals new challenges, all are tried. */
  readonly sessionKeys: readonly string[];
}

export type PasskeyDeps = Pick<Deps, "factors" | "passkeys" | "phoneKeys" | "log" | "now">;

/** Loaded at its first use: the worker never has one. */
export const loadWebauthn = (): Promise<typeof webauthn> => import("./webauthn.js");

/**
 * Passkeys: the browser signs a challenge of ours with a key that belongs to this site alone, after its owner has unlocked it.
 * Nobody else is asked. A challenge counts once: it is spent in the transaction of what it opens.
 */
export function passkeyProvider(deps: PasskeyDeps, settings: PasskeySettings): FactorProvider {
  const { rpId, appName, sessionKeys } = settings;
  const challengeFor = (use: ChallengeUse): string => newChallenge(sessionKeys[0] ?? "", use, deps.now());
  const isChallengeFor =
    (use: ChallengeUse) =>
    (challenge: string): boolean =>
      isFreshChallenge(sessionKeys, use, challenge, deps.now());

  async function descriptors(factors: readonly Factor[]) {
    const known = await deps.passkeys.findOf(factors.map(({ id }) => id));
    return known.map(({ credentialId: id, transports }) => ({
      ...{ id, type: "public-key" },
      ...(transports === "" ? {} : { transports: transports.split(",") }),
    }));
  }

  /** The passkey that a response says it comes from, with its factor. */
  async function find(credentialId: string): Promise<{ factor: Factor; passkey: Passkey } | null> {
    const factor = await deps.factors.findActive("passkey", credentialHash(credentialId));
    const [passkey] = factor === null ? [] : await deps.passkeys.findOf([factor.id]);
    return factor === null || passkey?.credentialId !== credentialId ? null : { factor, passkey };
  }

  async function verify(asked: Asked, response: unknown): Promise<Proven> {
    const { challengeIn, judgeAssertion, readAssertion } = await loadWebauthn();
    const given = readAssertion(response);
    if (given === null) return { kind: "refused", why: "malformed" };
    // PH8: what unlocks a phone's approvals opens nothing by itself.
    if (await deps.phoneKeys.hasCredential(credentialHash(given.id)))
      return { kind: "refused", why: "phone-credential" };
    const found = await find(given.id);
    if (found === null) return { kind: "refused", why: "unknown" };
    const { factor, passkey } = found;
    const use = await judgeAssertion(settings, passkey, given, isChallengeFor(asked));
    if (typeof use === "string") return { kind: "refused", why: use };
    const { userHandle } = given.response;
    // Without a name typed before, the authenticator has to say whose passkey it is.
    if (userHandle == null ? asked.purpose === "alone" : !(await isHandleOf(factor, userHandle)))
      return { kind: "refused", why: "foreign-account" };
    if (hasGoneBack(passkey, use.counter)) return { kind: "copied", factor };
    const challengeHash = hashSecret(challengeIn(given));
    return {
      kind: "proven",
      factor,
      spend: async (rows) =>
        (await rows.passkeys.spendChallenge(challengeHash, deps.now())) && rows.passkeys.noteUse(factor.id, use),
    };
  }

  async function isHandleOf({ subscriberId }: Factor, handle: string): Promise<boolean> {
    return sameText(handle, await deps.passkeys.userHandle(subscriberId, deps.now()));
  }

  return {
    proves: {
      options: async (asked, factors) => ({
        challenge: challengeFor(asked),
        rpId,
        timeout: TIMEOUT_MS,
        userVerification: "required",
        ...(factors === null ? {} : { allowCredentials: await descriptors(factors) }),
      }),
      verify,
    },
    enrols: {
      show: () => Promise.resolve(null),
      registers: {
        async options({ id, subscriberId }, { username }) {
          const { ALGORITHMS } = await loadWebauthn();
          const others = (await deps.factors.listActive(subscriberId)).filter(({ type }) => type === "passkey");
          const userId = await deps.passkeys.userHandle(subscriberId, deps.now());
          return {
            challenge: challengeFor({ purpose: "new", of: id }),
            rp: { id: rpId, name: appName },
            user: { id: userId, name: username, displayName: username },
            pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
            timeout: TIMEOUT_MS,
            attestation: "none",
            authenticatorSelection: {
              residentKey: "required",
              requireResidentKey: true,
              userVerification: "required",
            },
            excludeCredentials: await descriptors(others),
          };
        },
        async verify({ id }, response) {
          const { judgeRegistration } = await loadWebauthn();
          const judged = await judgeRegistration(settings, response, isChallengeFor({ purpose: "new", of: id }));
          if (typeof judged === "string") {
            deps.log.warn({ enrolmentId: id, why: judged }, "new passkey refused");
            return null;
          }
          const { made, challenge } = judged;
          return {
            state: "completed",
            providerId: credentialHash(made.credentialId),
            async spend(rows) {
              if (!(await rows.passkeys.spendChallenge(hashSecret(challenge), deps.now()))) return false;
              await rows.passkeys.insert({ ...made, factorId: id, createdAt: deps.now() });
              return true;
            },
          };
        },
      },
    },
  };
}

/** How a factor names its passkey: SHA-256 of the credential's id. */
export function credentialHash(credentialId: string): string {
  return createHash("sha256").update(Buffer.from(credentialId, "base64url")).digest("base64url");
}

/** Synced passkeys do not count. One that counts and cannot be backed up counts up, unless there are two of it. */
function hasGoneBack({ counter, canBeBackedUp }: Passkey, now: number): boolean {
  return !canBeBackedUp && now <= counter && (now > 0 || counter > 0);
}
