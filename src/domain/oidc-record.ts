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
  /** Of what a person types to find a device code; null for everything else. */
  readonly userCodeHash: string | null;
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
  /** How many uses were refused since it was spent. */
  readonly refused: number;
}

/** What becomes of a device code when its person has agreed, or not. */
export type DeviceAnswer = Pick<OidcRecord, "grantId" | "subscriberId" | "signInId" | "payload">;

/** The rows of records. Nothing is found whose sign-in has ended, unless it may outlive it. */
export interface OidcRecords {
  /** Writes a record, or what has changed in it. */
  save(record: OidcRecord): Promise<void>;
  /** @returns false when there is one of that id. */
  insertOnce(record: OidcRecord): Promise<boolean>;
  find(id: string, now: Date): Promise<FoundRecord | null>;
  /** A device code that nobody has answered, by what a person typed. */
  findByUserCode(userCodeHash: string, now: Date): Promise<FoundRecord | null>;
  /** @returns true for the one caller whose answer counts. */
  answerDevice(id: string, answer: DeviceAnswer, now: Date): Promise<boolean>;
  /** @returns true for the one caller that spent it. */
  consume(id: string, now: Date): Promise<boolean>;
  remove(id: string): Promise<void>;
  /** What came of one grant, of one kind. */
  removeOfGrant(grantId: string, model: string): Promise<void>;
  /** One more use of what was spent. @returns how many there were so far. */
  countRefused(id: string): Promise<number>;
  /** A grant with everything that came of it. */
  removeGrant(grantId: string): Promise<void>;
  /** When the first access token of a grant was made; null while there is none. */
  firstTokenAt(grantId: string): Promise<Date | null>;
  /** What a client was granted in a sign-in that lives. */
  grantedScopes(signInId: string, clientId: string): Promise<string[]>;
  /** The clients that hold something of an account now, each with the first time. */
  listOfSubscriber(subscriberId: string, now: Date): Promise<{ clientId: string; createdAt: Date }[]>;
  /** Ends what one client holds of an account. @returns how much there was. */
  endOfSubscriber(subscriberId: string, clientId: string): Promise<number>;
  /** Everything that one client holds of a sign-in. */
  removeOfSignIn(signInId: string, clientId: string): Promise<void>;
}
