import type { AskedChallenge } from "./shown-request.js";

/**
 * What a phone's owner unlocks for each approval, by fingerprint, face or PIN: a WebAuthn credential that this phone alone has.
 * It approves, and never signs in as a passkey.
 */
export interface PhoneCredential {
  /** The credential's id, in base64url. */
  readonly credentialId: string;
  /** SHA-256 of that id, in base64url. */
  readonly credentialHash: string;
  /** COSE, in base64url. */
  readonly credentialKey: string;
}

/**
 * A key of a phone of our own. It belongs to an enrolment, whose id it has and its factor gets; before a phone has claimed
 * the enrolment there is the hash of the secret alone.
 */
export interface PhoneKeyRow {
  readonly id: string;
  /** Of the secret in the QR code, which itself is kept nowhere. */
  readonly secretHash: string;
  /** SHA-256 of the SPKI in base64url: how the key is named everywhere. */
  readonly keyHash: string | null;
  /** The public key, DER in base64url. */
  readonly spki: string | null;
  /** What the phone calls itself: "Chrome on Android". */
  readonly label: string;
  readonly address: string;
  /** All three or none, as when it was claimed: nothing takes a credential away from a key. */
  readonly credentialId: string | null;
  readonly credentialHash: string | null;
  readonly credentialKey: string | null;
  readonly createdAt: Date;
}

/** What a phone brings when it claims an enrolment. */
export interface ClaimedKey extends Pick<PhoneKeyRow, "label" | "address"> {
  readonly keyHash: string;
  readonly spki: string;
  readonly credential: PhoneCredential | null;
}

/** A key whose factor is active. */
export interface ActiveKey {
  readonly factorId: string;
  readonly subscriberId: string;
  readonly keyHash: string;
  readonly spki: string;
  /** Where there is one, no approval of this key counts without it. */
  readonly credential: Omit<PhoneCredential, "credentialHash"> | null;
}

/** What a phone of our own was asked, and the key that answers; null where it may not answer this account's requests now. */
export interface AnsweredChallenge extends AskedChallenge {
  readonly key: ActiveKey | null;
}

/** The rows of phones' keys. */
export interface PhoneKeys {
  /** Prepares an enrolment for a phone. */
  insert(row: Pick<PhoneKeyRow, "id" | "secretHash" | "createdAt">): Promise<void>;
  find(id: string): Promise<PhoneKeyRow | null>;
  findBySecret(secretHash: string): Promise<PhoneKeyRow | null>;
  /** Only in the transaction that claims the enrolment, which lets one key in. */
  claim(id: string, key: ClaimedKey): Promise<void>;
  /** Of these keys those that may answer now. */
  findActive(keyHashes: readonly string[]): Promise<ActiveKey[]>;
  /** What an answer is judged by, as one look at the rows saw it; null for a challenge that asked no phone of our own. */
  findAsked(challengeId: string, keyHash: string): Promise<AnsweredChallenge | null>;
  /** Whether a phone unlocks its approvals by the credential whose id has this hash. */
  hasCredential(credentialHash: string): Promise<boolean>;
}

/** Where a phone can be rung, as its browser said; one for each factor. */
export interface PushSubscription {
  readonly factorId: string;
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
  /** Our public key that it was made with: push services take no other for it. */
  readonly vapid: string;
  readonly createdAt: Date;
}

/** The rows of push subscriptions. */
export interface PushSubscriptions {
  /** Takes the place of the one before. */
  replace(subscription: PushSubscription): Promise<void>;
  findOf(factorIds: readonly string[]): Promise<PushSubscription[]>;
  /** Forgets it. @param endpoint - Only while it is still this one. @returns false when there was none. */
  remove(factorId: string, endpoint?: string): Promise<boolean>;
}
