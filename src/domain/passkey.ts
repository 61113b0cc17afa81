/** The public half of a passkey; its private half never leaves the authenticator or the account that keeps it in step. */
export interface Passkey {
  readonly factorId: string;
  /** The credential's id, in base64url; its SHA-256 is the factor's `providerId`. */
  readonly credentialId: string;
  /** COSE, in base64url. */
  readonly publicKey: string;
  /** How often the authenticator says that it has signed; synced passkeys stay at 0. */
  readonly counter: number;
  /** How the browser reaches it ("internal", "hybrid", "usb" …), with commas between. */
  readonly transports: string;
  /** Whether it can be kept in step over several devices at all. */
  readonly canBeBackedUp: boolean;
  readonly isBackedUp: boolean;
  readonly createdAt: Date;
}

/** The rows of passkeys, which go with their factor, and of the challenges that they have answered. */
export interface Passkeys {
  insert(passkey: Passkey): Promise<void>;
  findOf(factorIds: readonly string[]): Promise<Passkey[]>;
  /**
   * Notes what an authenticator says of itself after a use.
   *
   * @returns false for a counter that is not higher than the one before, of a passkey that cannot be backed up: it was copied.
   */
  noteUse(factorId: string, use: Pick<Passkey, "counter" | "isBackedUp">): Promise<boolean>;
  /** @returns true for the one caller that spends this challenge. */
  spendChallenge(challengeHash: string, now: Date): Promise<boolean>;
  /** The random name by which authenticators know an account, made at the first call. */
  userHandle(subscriberId: string, now: Date): Promise<string>;
}
