/** 1 after the password, 2 after the phone (NIST SP 800-63B). */
export type AssuranceLevel = 1 | 2;

/** A signed-in browser. A session lives while it is not ended, not idle or old, and of the account's present epoch. */
export interface Session {
  readonly id: string;
  readonly subscriberId: string;
  readonly level: AssuranceLevel;
  readonly epoch: number;
  readonly browserLabel: string;
  readonly address: string;
  readonly challengeId: string | null;
  readonly isRemembered: boolean;
  readonly expiresAt: Date;
  readonly passwordAt: Date;
  readonly createdAt: Date;
  readonly seenAt: Date;
}

/** What the rules and pages need of sessions; opening one is the browser-session store's. */
export interface Sessions {
  /** The living session that an approval opened; an approval has at most one. */
  findOfChallenge(challengeId: string, now: Date): Promise<Session | null>;
  /** Whether an approval opened any session, living or not. */
  hadOfChallenge(challengeId: string): Promise<boolean>;
  /** Those of the ids that live. */
  living(ids: readonly string[], now: Date): Promise<string[]>;
  list(subscriberId: string, now: Date): Promise<Session[]>;
  /** Ends a session on purpose: the approval that opened it opens no other one either. */
  end(subscriberId: string, id: string, now: Date): Promise<boolean>;
  /** The same with all others. @returns their ids. */
  endOthers(subscriberId: string, keepId: string, now: Date): Promise<string[]>;
  /**
   * Takes a session along when its account moves on by one epoch. By one, not to the account's present one: a session
   * that something else ends at the same moment stays ended.
   */
  raiseEpoch(id: string): Promise<void>;
  notePassword(id: string, now: Date): Promise<void>;
}

/** A session as it is kept; `subscriberId` is null and `level` 0 while nobody is signed in. */
export interface StoredSession extends Omit<Session, "subscriberId" | "level"> {
  readonly keyHash: string;
  readonly subscriberId: string | null;
  readonly level: 0 | AssuranceLevel;
  readonly idleUntil: Date;
  readonly endedAt: Date | null;
  /** JSON of what the browser's session carries from page to page: never who is signed in. */
  readonly data: string;
}

/** The sessions behind the cookie. An ended session never lives again. */
export interface SessionStore {
  /** The living session of a key: not ended, not idle, not old, and of its account's present epoch. */
  load(keyHash: string, now: Date): Promise<StoredSession | null>;
  open(session: StoredSession): Promise<void>;
  /** Changes what a session carries, never whose it is; an ended session stays as it is. */
  keep(keyHash: string, data: string): Promise<void>;
  touch(id: string, now: Date, idleUntil: Date, address: string): Promise<void>;
  endByKey(keyHash: string, now: Date): Promise<void>;
}

/** The signed-in session in a stored one; null for one that only carries messages. */
export function signedIn(row: StoredSession): Session | null {
  if (row.subscriberId === null || row.level === 0) return null;
  const { id, subscriberId, level, epoch, browserLabel, address, challengeId } = row;
  const { isRemembered, expiresAt, passwordAt, createdAt, seenAt } = row;
  return {
    ...{ id, subscriberId, level, epoch, browserLabel, address, challengeId },
    ...{ isRemembered, expiresAt, passwordAt, createdAt, seenAt },
  };
}
