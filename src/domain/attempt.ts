/** What an approval is for. An approval for one purpose opens nothing else. */
export type Purpose = "sign-in" | StepUpAction;

const STEP_UP_ACTIONS = ["disable-two-factor", "replace-phone", "change-password", "new-recovery-codes"] as const;

/** Sensitive acts that ask for a fresh approval of their own. */
export type StepUpAction = (typeof STEP_UP_ACTIONS)[number];

/** True for the name of an act that takes a step-up. */
export function isStepUpAction(name: string): name is StepUpAction {
  return (STEP_UP_ACTIONS as readonly string[]).includes(name);
}

/** open → finished (a sign-in, or a step-up that was used), open → granted → finished (a step-up), or ended without. */
export type AttemptState = "open" | "granted" | "finished" | "ended";

/** What a right password opens, in one browser: not yet a sign-in. */
export interface Attempt {
  readonly id: string;
  readonly subscriberId: string;
  readonly epoch: number;
  readonly purpose: Purpose;
  /** The session that asked for a step-up; null for a sign-in. */
  readonly sessionId: string | null;
  readonly browserHash: string;
  readonly isKnownBrowser: boolean;
  readonly asksMatchCode: boolean;
  readonly browserLabel: string;
  readonly address: string;
  readonly next: string;
  readonly remember: boolean;
  readonly tries: number;
  readonly state: AttemptState;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly grantedAt: Date | null;
}

/** How many wrong match codes end an attempt. */
export const MATCH_CODE_TRIES = 5;

/** The rows of attempts, and the keys (cookie hashes) that open them. */
export interface Attempts {
  insert(attempt: Omit<Attempt, "tries" | "state" | "grantedAt">, keyHash: string): Promise<void>;
  addKey(attemptId: string, keyHash: string): Promise<void>;
  find(id: string): Promise<Attempt | null>;
  findByKey(keyHash: string): Promise<Attempt | null>;
  findLatestOfSession(sessionId: string): Promise<Attempt | null>;
  extend(id: string, expiresAt: Date): Promise<void>;
  /** One more wrong match code. @returns the tries so far. */
  countTry(id: string): Promise<number>;
  finish(id: string): Promise<boolean>;
  /** open → ended. @returns false when it had come to its end, or its success, before. */
  end(id: string): Promise<boolean>;
  /** Ends an attempt in whatever state: not even a repeat of its approval opens anything. */
  revoke(id: string): Promise<void>;
  /** Forgets an attempt that joined another one before it had a push. */
  discard(id: string): Promise<void>;
  endAllOfSubscriber(subscriberId: string): Promise<void>;
  /** open → granted, for the session in which the step-up may be used. */
  grant(id: string, sessionId: string, now: Date): Promise<boolean>;
  hasGrant(sessionId: string, purpose: StepUpAction, grantedAfter: Date): Promise<boolean>;
  /** granted → finished: the one use of a step-up. */
  useGrant(sessionId: string, purpose: StepUpAction, grantedAfter: Date): Promise<boolean>;
  /** Binds a granted step-up to the session that took the place of its own. */
  regrant(id: string, sessionId: string): Promise<void>;
  moveToSession(fromSessionId: string, toSessionId: string): Promise<void>;
}
