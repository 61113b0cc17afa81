import { randomUUID } from "node:crypto";

import type { RuleSettings } from "./deps.js";

/** What an approval is for. An approval for one purpose opens nothing else. */
export type Purpose = "sign-in" | StepUpAction;

const STEP_UP_ACTIONS = [
  "disable-two-factor",
  "replace-phone",
  "add-factor",
  "move-from-authy",
  "remove-factor",
  "change-password",
  "new-recovery-codes",
  "change-email",
  "authorize-device",
  "close-account",
] as const;

/** Sensitive acts that ask for a fresh approval of their own. */
export type StepUpAction = (typeof STEP_UP_ACTIONS)[number];

/**
 * False where only the phone that is asked may consent, and neither code nor passkey instead: in a move to another phone, of which its
 * request tells.
 */
export function takesCodes(purpose: Purpose): boolean {
  return purpose !== "move-from-authy";
}

/** True for the name of an act that needs a step-up. */
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
  /** The session that asked for a step-up, or that a sign-in opened; null before that. */
  readonly sessionId: string | null;
  readonly browserHash: string;
  readonly isKnownBrowser: boolean;
  readonly asksMatchCode: boolean;
  readonly browserLabel: string;
  readonly address: string;
  /** Of a sign-in: the path to go on to. Of a step-up: the factor, type or device code that it names, or nothing. */
  readonly next: string;
  readonly remember: boolean;
  /** The name of the application that it was begun for, as its push tells it; null where it was begun for none. */
  readonly application: string | null;
  readonly tries: number;
  readonly state: AttemptState;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** When its proof was spent. */
  readonly spentAt: Date | null;
  /** Whether a code was sent by text message for it. */
  readonly wasTexted: boolean;
}

type NewInAttempt = "id" | "tries" | "state" | "spentAt" | "wasTexted" | "createdAt" | "expiresAt" | "asksMatchCode";

/** An open attempt that outlives its push. */
export function newAttempt(settings: RuleSettings, createdAt: Date, given: Omit<Attempt, NewInAttempt>): Attempt {
  return {
    ...given,
    id: randomUUID(),
    asksMatchCode: settings.matchCode === "always" || (settings.matchCode === "new-browser" && !given.isKnownBrowser),
    tries: 0,
    state: "open",
    createdAt,
    expiresAt: new Date(createdAt.getTime() + (settings.attemptTtlSeconds + settings.approvalTtlSeconds) * 1000),
    spentAt: null,
    wasTexted: false,
  };
}

/** How many wrong match codes end an attempt. */
export const MATCH_CODE_TRIES = 5;

/** The rows of attempts, and the keys (cookie hashes) that open them. */
export interface Attempts {
  insert(attempt: Omit<Attempt, "tries" | "state" | "spentAt" | "wasTexted">, keyHash: string): Promise<void>;
  addKey(attemptId: string, keyHash: string): Promise<void>;
  find(id: string): Promise<Attempt | null>;
  findByKey(keyHash: string): Promise<Attempt | null>;
  findLatestOfSession(sessionId: string): Promise<Attempt | null>;
  extend(id: string, expiresAt: Date): Promise<void>;
  /** A code goes out by text message. */
  noteText(id: string): Promise<void>;
  /** One more wrong match code. @returns the tries so far. */
  countTry(id: string): Promise<number>;
  /** open → finished in its time, with the session that it opens. */
  finish(id: string, sessionId: string, now: Date): Promise<boolean>;
  /** Takes a sign-in along when its account moves on by one epoch, so that its finish may be repeated. */
  raiseEpoch(id: string): Promise<void>;
  /** open → ended. @returns false when it had come to its end, or its success, before. */
  end(id: string): Promise<boolean>;
  /** Forgets an attempt that joined another one before it had a push. */
  discard(id: string): Promise<void>;
  findOpenOfSubscriber(subscriberId: string): Promise<Attempt[]>;
  findOpenOfSession(sessionId: string): Promise<Attempt[]>;
  /** Open ones whose time is over, oldest first. */
  findOverdue(now: Date, limit: number): Promise<Attempt[]>;
  endAllOfSubscriber(subscriberId: string): Promise<void>;
  endAllOfSession(sessionId: string): Promise<void>;
  /** open → granted in its time: its session may use the step-up. */
  grant(id: string, now: Date): Promise<boolean>;
  hasGrant(sessionId: string, purpose: StepUpAction, about: string, grantedAfter: Date): Promise<boolean>;
  /** granted → finished: the one use of a step-up. */
  useGrant(sessionId: string, purpose: StepUpAction, about: string, grantedAfter: Date): Promise<boolean>;
}
