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
  notePassword(id: string, now: Date): Promise<void>;
}
