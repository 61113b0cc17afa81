import type { Language } from "./language.js";

/** Someone with an account. */
export interface Subscriber {
  readonly id: string;
  readonly username: string;
  readonly usernameKey: string;
  readonly email: string;
  /** An address that waits for its confirmation; until then nothing is sent to it but that. */
  readonly pendingEmail: string | null;
  readonly passwordHash: string;
  /** Rises whenever all sessions and attempts of before must end. */
  readonly epoch: number;
  readonly mustChangePassword: boolean;
  readonly pushFrozenUntil: Date | null;
  /** The last success in a browser of the owner's: a sign-in, or a step-up. */
  readonly lastSuccessAt: Date;
  /** The last success in a browser that the account did not know; null before the first. */
  readonly strangersSuccessAt: Date | null;
  /** When an operator said that the address is theirs; null as long as nobody has. */
  readonly emailVerifiedAt: Date | null;
  /** Since when nobody can sign in; null for an account in use. */
  readonly disabledAt: Date | null;
  /** Since when its owner has closed it: it is erased after a while, unless somebody signs in. Null for an account in use. */
  readonly closedAt: Date | null;
  /** Until then nobody asks whether they want to move over from Authy; null where nobody has put that off. */
  readonly moveRestsUntil: Date | null;
  /** That of pushes and messages, and of pages while signed in; null for accounts that were opened without one. */
  readonly language: Language | null;
  /** Of the browser that was last signed in to it, an IANA name; null as long as none has said one. */
  readonly timeZone: string | null;
  readonly createdAt: Date;
}

/** What an account has that was opened just now. */
export type NewSubscriber = Omit<
  Subscriber,
  | "epoch"
  | "pendingEmail"
  | "mustChangePassword"
  | "pushFrozenUntil"
  | "strangersSuccessAt"
  | "emailVerifiedAt"
  | "disabledAt"
  | "closedAt"
  | "moveRestsUntil"
  | "language"
  | "timeZone"
> &
  Partial<Pick<Subscriber, "language" | "timeZone">>;

/** The rows of accounts. */
export interface Subscribers {
  /** @returns false when the name is taken. */
  insert(subscriber: NewSubscriber): Promise<boolean>;
  /** Many at once, none of whose names is taken. */
  insertAll(subscribers: readonly (NewSubscriber & Pick<Subscriber, "disabledAt">)[]): Promise<void>;
  /** Which of these names are taken, by their keys. */
  findTaken(usernameKeys: readonly string[]): Promise<string[]>;
  /** At most so many hashes that another system made. */
  someForeignHashes(limit: number): Promise<string[]>;
  find(id: string): Promise<Subscriber | null>;
  findByName(usernameKey: string): Promise<Subscriber | null>;
  /** With this address, however its letters are written; at most five of them. */
  findByEmail(email: string): Promise<Subscriber[]>;
  rehash(id: string, oldHash: string, newHash: string): Promise<void>;
  /** New password and epoch; only while the old hash still stands. @returns the new epoch, or null. */
  changePassword(id: string, oldHash: string, newHash: string): Promise<number | null>;
  /** New password and epoch for the holder of a link. @returns false when the account has moved on from that epoch. */
  resetPassword(id: string, epoch: number, newHash: string): Promise<boolean>;
  /** The address that is to be confirmed; null for none. @returns false when the account has moved on from that epoch. */
  awaitEmail(id: string, epoch: number, pendingEmail: string | null): Promise<boolean>;
  /** From now on this is the account's address, and confirmed. */
  confirmEmail(id: string, email: string, now: Date): Promise<void>;
  /**
   * Each kind of browser has a push budget of its own, which only a success of that kind renews.
   * @returns false when the account has moved on from that epoch.
   */
  noteSuccess(id: string, epoch: number, isKnownBrowser: boolean, now: Date): Promise<boolean>;
  /** Locks an account until the end of the transaction. @returns false when it has moved on from that epoch. */
  hold(id: string, epoch: number): Promise<boolean>;
  /** Until then, browsers that the account does not know may send no push. */
  freezePushes(id: string, until: Date): Promise<void>;
  /** Pushes go out again: no pause, and both budgets begin anew. */
  renewPushes(id: string, now: Date): Promise<void>;
  restMove(id: string, until: Date): Promise<void>;
  chooseLanguage(id: string, language: Language | null): Promise<void>;
  noteTimeZone(id: string, timeZone: string): Promise<void>;
  /** Ends every session and attempt. @returns false when the account is not of the epoch that was given, or gone. */
  nextEpoch(id: string, from?: number): Promise<boolean>;
  noteVerifiedEmail(id: string, now: Date): Promise<void>;
  /** Disables an account that is not, with its next epoch. @returns false when it was disabled before. */
  disable(id: string, now: Date): Promise<boolean>;
  /** @returns false when it was not disabled. */
  enable(id: string): Promise<boolean>;
  /** Closes an account that is not, with its next epoch. @returns false when it has moved on from that epoch. */
  close(id: string, epoch: number, now: Date): Promise<boolean>;
  /** @returns false when it was not closed. */
  reopen(id: string): Promise<boolean>;
  /** Closed before that moment, the oldest first. */
  findClosed(before: Date, limit: number): Promise<Subscriber[]>;
  /** Locks a closed account until the end of the transaction. @returns false when somebody has signed in since it was read. */
  holdClosed(subscriber: Subscriber): Promise<boolean>;
  /** By name; at most `limit` from `offset`. */
  list(offset: number, limit: number): Promise<Subscriber[]>;
  /** "This was not me": every session and attempt ends with the next epoch, and a new password is asked for. */
  raiseAlarm(id: string, frozenUntil: Date): Promise<void>;
}

/** A browser in which somebody registered, enrolled or signed in to this account before. */
export interface KnownBrowser {
  readonly id: string;
  readonly subscriberId: string;
  readonly keyHash: string;
  readonly label: string;
  readonly address: string;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
}

/** The rows of known browsers. */
export interface KnownBrowsers {
  find(subscriberId: string, keyHash: string): Promise<KnownBrowser | null>;
  insert(browser: KnownBrowser): Promise<void>;
  /** @returns false when no such browser is known. */
  touch(subscriberId: string, keyHash: string, label: string, address: string, now: Date): Promise<boolean>;
  list(subscriberId: string): Promise<KnownBrowser[]>;
  /** Whoever sat at the others may have been somebody else. */
  forgetOthers(subscriberId: string, keepKeyHash: string): Promise<void>;
  /** Forgets those that were first seen after this moment. */
  forgetSeenSince(subscriberId: string, moment: Date): Promise<void>;
}

/** Recovery codes: only hashes are kept. */
export interface RecoveryCodes {
  replace(subscriberId: string, codeHashes: readonly string[], now: Date): Promise<void>;
  countLeft(subscriberId: string): Promise<number>;
  isLeft(subscriberId: string, codeHash: string): Promise<boolean>;
  /** @returns true for the one caller that spent the code. */
  spend(subscriberId: string, codeHash: string, now: Date): Promise<boolean>;
}
