/** One client is to be told that a sign-in has ended, or every sign-in of an account. */
export interface LogoutNotice {
  readonly id: string;
  readonly clientId: string;
  readonly subscriberId: string;
  /** null: every sign-in of the account has ended. */
  readonly signInId: string | null;
  readonly state: "waiting" | "sent" | "failed";
  readonly tries: number;
  readonly createdAt: Date;
  /** When it is to be sent, or sent again; null once nothing is to be done. */
  readonly nextTryAt: Date | null;
}

/** The rows of notices. They are written in the transaction of the end that they tell of. */
export interface LogoutNotices {
  /** For each client that wants to be told and took part in a sign-in, of which this is a session. Once for each. */
  writeForSession(sessionId: string, now: Date): Promise<void>;
  /** For each client that wants to be told and took part in any sign-in of the account that lives yet. */
  writeForSubscriber(subscriberId: string, now: Date): Promise<void>;
  /** The same for one session after another, but for those of the sign-in that goes on. */
  writeForOthers(subscriberId: string, keepSessionId: string, now: Date): Promise<void>;
  findDue(now: Date, limit: number): Promise<LogoutNotice[]>;
  /** Counts one more try, with when the next one is. @returns false when another worker was first. */
  claim(notice: Pick<LogoutNotice, "id" | "tries">, nextTryAt: Date | null): Promise<boolean>;
  settle(id: string, state: "sent" | "failed"): Promise<void>;
  countWaiting(): Promise<number>;
  /** How many were given up, and how many wait longer than they should. */
  countTroubled(now: Date): Promise<{ failed: number; late: number }>;
}

/** Five tries in an hour. */
const PAUSES_MS = [10_000, 60_000, 600_000, 2_700_000];

/** When a notice is sent again after so many tries; null when that was the last one. */
export function nextNoticeTry(tries: number, now: Date): Date | null {
  const pause = PAUSES_MS[tries - 1];
  return pause === undefined ? null : new Date(now.getTime() + pause);
}
