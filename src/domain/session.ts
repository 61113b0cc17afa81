import type { Method } from "./sign-in.js";

/** 1 after the password, 2 after the phone (NIST SP 800-63B), 3 with a key that no copy of our page can be shown to. */
export type AssuranceLevel = 1 | 2 | 3;

/** A signed-in browser. A session lives while it is not ended, not idle or old, and of the account's present epoch. */
export interface Session {
  readonly id: string;
  readonly subscriberId: string;
  readonly level: AssuranceLevel;
  readonly epoch: number;
  readonly browserLabel: string;
  readonly address: string;
  /** The last approval that was spent for it; null while none was. */
  readonly challengeId: string | null;
  readonly isRemembered: boolean;
  readonly expiresAt: Date;
  /** When the password was last right, a confirmation included. */
  readonly passwordAt: Date;
  /** One person in one browser, from the password to signing out: it stays when the same person signs in there again. */
  readonly signInId: string;
  /** What was done to sign in, step-ups included. */
  readonly methods: readonly Method[];
  /** When the sign-in began: its password was right, or its key. A step-up leaves it. */
  readonly authenticatedAt: Date;
  readonly createdAt: Date;
  readonly seenAt: Date;
}

/** What a browser's cookie stands for: `level` 0 and no subscriber while nobody is signed in. */
export interface StoredSession extends Omit<Session, "subscriberId" | "level"> {
  readonly keyHash: string;
  readonly subscriberId: string | null;
  readonly level: 0 | AssuranceLevel;
  readonly idleUntil: Date;
  /** JSON of what pages leave for the next page: never who is signed in. */
  readonly data: string;
}

/** What changes when a session goes on under another key. */
export type Renewal = Pick<StoredSession, "keyHash"> &
  Partial<Pick<Session, "level" | "epoch" | "challengeId" | "passwordAt" | "methods">>;

/** How long sessions last. */
export interface SessionLifetimes {
  readonly sessionIdleSeconds: number;
  readonly sessionMaxSeconds: number;
  readonly rememberSeconds: number;
}

/** The rows of sessions. An ended session never lives again. */
export interface Sessions {
  /** The living session of a key. */
  load(keyHash: string, now: Date): Promise<StoredSession | null>;
  insert(session: StoredSession): Promise<void>;
  /**
   * Gives a session that was not ended another key; the former one opens nothing from then on.
   *
   * @param still - What must hold yet: the key that the browser brought, or the epoch of the account.
   * @returns false when the session was ended, or something else changed it first.
   */
  renew(id: string, still: Partial<Pick<StoredSession, "keyHash" | "epoch">>, renewal: Renewal): Promise<boolean>;
  /** Changes what pages left for the next page; an ended session stays as it is. */
  keepData(id: string, data: string): Promise<void>;
  touch(id: string, now: Date, idleUntil: Date, address: string): Promise<void>;
  /** @returns false when it had ended before, or there is none. */
  endByKey(keyHash: string, now: Date): Promise<boolean>;
  /** The living session of a sign-in; null once the sign-in has ended. */
  findOfSignIn(signInId: string, now: Date): Promise<Session | null>;
  /** The living session that an attempt opened, or was for. */
  findOfAttempt(attemptId: string, now: Date): Promise<Session | null>;
  /** Those of the ids that live. */
  living(ids: readonly string[], now: Date): Promise<string[]>;
  list(subscriberId: string, now: Date): Promise<Session[]>;
  end(subscriberId: string, id: string, now: Date): Promise<boolean>;
  /** @returns the ids of those that lived. */
  endOthers(subscriberId: string, keepId: string, now: Date): Promise<string[]>;
  /**
   * Takes a session along when its account moves on by one epoch. By one, not to the account's present one: a session
   * that something else ends at the same moment stays ended.
   */
  raiseEpoch(id: string): Promise<void>;
  notePassword(id: string, now: Date): Promise<void>;
}

/** The signed-in session in a stored one; null while nobody is signed in. */
export function signedIn(stored: StoredSession): Session | null {
  const { subscriberId, level } = stored;
  return subscriberId === null || level === 0 ? null : { ...stored, subscriberId, level };
}

/** A session that begins now. A remembered one has no idle limit, only its end. */
export function newSession<T extends Pick<StoredSession, "isRemembered">>(
  given: T,
  lifetimes: SessionLifetimes,
  now: Date,
) {
  const fullMs = (given.isRemembered ? lifetimes.rememberSeconds : lifetimes.sessionMaxSeconds) * 1000;
  const expiresAt = new Date(now.getTime() + fullMs);
  return {
    ...given,
    createdAt: now,
    seenAt: now,
    expiresAt,
    idleUntil: idleUntil({ ...given, expiresAt }, lifetimes, now),
    data: "{}",
  };
}

/** Until when a session lives that is used now. */
export function idleUntil(
  { isRemembered, expiresAt }: Pick<Session, "isRemembered" | "expiresAt">,
  { sessionIdleSeconds }: SessionLifetimes,
  now: Date,
): Date {
  const idle = new Date(now.getTime() + sessionIdleSeconds * 1000);
  return isRemembered || idle > expiresAt ? expiresAt : idle;
}
