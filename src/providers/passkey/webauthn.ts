/** What the library judges. It takes a quarter of a second to load: only the web process does, and before it listens. */
import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";
import { z } from "zod";

import type { Passkey } from "../../domain/passkey.js";

/** The one site whose passkeys count. */
export interface PasskeySite {
  /** PUBLIC_URL, never rebuilt from a request. */
  readonly origin: string;
  /** Its host name: what authenticators keep passkeys by. */
  readonly rpId: string;
}

/** A credential that an authenticator has just made. */
export type NewCredential = Omit<Passkey, "factorId" | "createdAt">;

/** What an authenticator said of a credential as it was used. */
export type CredentialUse = Pick<Passkey, "counter" | "isBackedUp">;

/** Why a response was refused: a word for the log. */
export type Refusal = "malformed" | "challenge" | "origin" | "frame" | "signature";

/** COSE's names for EdDSA, ES256 and RS256: one of them every authenticator has. */
export const ALGORITHMS = [-8, -7, -257];

const base64url = (max: number) =>
  z
    .string()
    .regex(/^[\w-]+$/)
    .max(max);
const credentialId = base64url(1400);
const transports = z.array(z.string().regex(/^[a-z-]{1,20}$/)).max(6);

const registration = z.object({
  id: credentialId,
  rawId: credentialId,
  type: z.literal("public-key"),
  response: z.object({
    clientDataJSON: base64url(4096),
    attestationObject: base64url(16_384),
    transports: transports.catch([]).default([]),
  }),
  clientExtensionResults: z.object({}).default({}),
});

const assertion = z.object({
  id: credentialId,
  rawId: credentialId,
  type: z.literal("public-key"),
  response: z.object({
    clientDataJSON: base64url(4096),
    authenticatorData: base64url(4096),
    signature: base64url(2048),
    userHandle: base64url(128).nullish(),
  }),
  clientExtensionResults: z.object({}).default({}),
});

type Registration = z.infer<typeof registration>;
export type Assertion = z.infer<typeof assertion>;

/** Reads `AuthenticationResponseJSON`; null for anything else. Nothing of it is believed yet. */
export function readAssertion(body: unknown): Assertion | null {
  return assertion.safeParse(body).data ?? null;
}

/** The challenge that a response answers, as it says itself; empty where it says none. */
export function challengeIn({ response }: Pick<Registration | Assertion, "response">): string {
  return clientDataOf(response)?.challenge ?? "";
}

/**
 * Judges a new credential: made here, for this challenge, by somebody whom the authenticator knows. No attestation is asked for.
 *
 * @param response - `RegistrationResponseJSON`, of which nothing is believed yet.
 */
export async function judgeRegistration(
  site: PasskeySite,
  response: unknown,
  isOurChallenge: (challenge: string) => boolean,
): Promise<{ readonly made: NewCredential; readonly challenge: string } | Refusal> {
  const given = registration.safeParse(response).data;
  if (given === undefined) return "malformed";
  const refusal = refusalOf(site, given, isOurChallenge);
  if (refusal !== null) return refusal;
  try {
    const { registrationInfo: info } = await verifyRegistrationResponse({
      response: given,
      expectedChallenge: isOurChallenge,
      expectedOrigin: site.origin,
      expectedRPID: site.rpId,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    // What the authenticator signed for names the credential, too.
    if (info?.credential.id !== given.id) return "signature";
    const made = {
      credentialId: given.id,
      publicKey: Buffer.from(info.credential.publicKey).toString("base64url"),
      counter: info.credential.counter,
      transports: given.response.transports.join(","),
      canBeBackedUp: info.credentialDeviceType === "multiDevice",
      isBackedUp: info.credentialBackedUp,
    };
    return { made, challenge: challengeIn(given) };
  } catch {
    return "signature"; // whatever the library found: it throws for all of it
  }
}

/** PH17: judges the use of a credential: here, for this challenge, with its key, unlocked by a person. The counter is judged where it is kept. */
export async function judgeAssertion(
  site: PasskeySite,
  { credentialId: id, publicKey }: Pick<Passkey, "credentialId" | "publicKey">,
  given: Assertion,
  isOurChallenge: (challenge: string) => boolean,
): Promise<CredentialUse | Refusal> {
  const refusal = refusalOf(site, given, isOurChallenge);
  if (refusal !== null) return refusal;
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: given as Parameters<typeof verifyAuthenticationResponse>[0]["response"],
      expectedChallenge: isOurChallenge,
      expectedOrigin: site.origin,
      expectedRPID: site.rpId,
      requireUserVerification: true,
      credential: { id, publicKey: new Uint8Array(Buffer.from(publicKey, "base64url")), counter: 0 },
    });
    if (!verified) return "signature";
    return { counter: authenticationInfo.newCounter, isBackedUp: authenticationInfo.credentialBackedUp };
  } catch {
    return "signature";
  }
}

/** What the browser says of the page that asked. Looked at here, since the library takes frames of other sites and names no reason. */
function refusalOf(
  { origin }: PasskeySite,
  { response }: Registration | Assertion,
  isOurChallenge: (challenge: string) => boolean,
): Refusal | null {
  const said = clientDataOf(response);
  if (said === null) return "malformed";
  if (said.origin !== origin) return "origin";
  if (said.crossOrigin || said.topOrigin !== undefined) return "frame";
  return isOurChallenge(said.challenge) ? null : "challenge";
}

const clientData = z.object({
  challenge: z.string(),
  origin: z.string(),
  crossOrigin: z.boolean().default(false),
  topOrigin: z.string().optional(),
});

function clientDataOf({ clientDataJSON }: { readonly clientDataJSON: string }) {
  try {
    const said: unknown = JSON.parse(Buffer.from(clientDataJSON, "base64url").toString("utf8"));
    return clientData.safeParse(said).data ?? null;
  } catch {
    return null;
  }
}
