/** What the provider keeps of a code, a token, a grant: the database knows neither its text nor its id. */
export interface OidcRecord {
  /** Hash of the text. */
  readonly id: string;
  /** The library's word for what it is. */
  readonly model: string;
  readonly grantId: string | null;
  readonly clientId: string | null;
  readonly subscriberId: string | null;
  readonly signInId: string | null;
  /** JSON. */
  readonly payload: string;
  /** May be used after its sign-in has ended, as long as the account's epoch stays. */
  readonly outlives: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** A record as it stands now. */
export interface FoundRecord extends OidcRecord {
  readonly consumedAt: Date | null;
}

/** The rows of records. Nothing is found whose sign-in has ended, unless it may outlive it. */
export interface OidcRecords {
  /** Writes a record, or what has changed in it. */
  save(record: OidcRecord): Promise<void>;
  /** @returns false when there is one of that id. */
  insertOnce(record: OidcRecord): Promise<boolean>;
  find(id: string, now: Date): Promise<FoundRecord | null>;
  /** @returns true for the one caller that spent it. */
  consume(id: string, now: Date): Promise<boolean>;
  remove(id: string): Promise<void>;
  /** Everything that came of one grant, but for the grant. */
  removeOfGrant(grantId: string): Promise<void>;
  /** What a client was granted in a sign-in that lives. */
  grantedScopes(signInId: string, clientId: string): Promise<string[]>;
  /** Everything that one client holds of a sign-in. */
  removeOfSignIn(signInId: string, clientId: string): Promise<void>;
}
