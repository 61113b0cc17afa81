import { type LiveStatus, type PublicStatus, type Witness } from "./challenge.js";

/** `conflict`: the scanned phone already protects another account here. */
export type EnrolmentState = "pending" | "completed" | "expired" | "cancelled" | "failed" | "conflict";

/** What ends a pending enrolment without a phone. */
export type EnrolmentEnd = Exclude<EnrolmentState, "pending" | "completed">;

/** Binding a phone to an account; its id is the opaque `custom_user_id` of the QR code, fresh for each attempt. */
export interface Enrolment {
  readonly id: string;
  readonly subscriberId: string;
  readonly sessionId: string;
  readonly epoch: number;
  readonly replacesFactor: boolean;
  readonly state: EnrolmentState;
  readonly version: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly settledAt: Date | null;
  readonly settledBy: Witness | null;
  readonly nextPollAt: Date | null;
}

/** What a watcher is told of an enrolment's state. */
export function publicEnrolmentStatus(state: EnrolmentState): PublicStatus {
  return state === "conflict" ? "failed" : state;
}

/** `stale`: the session that asked is gone, or the account moved on; `lost`: somebody else settled it first. */
export type Completion = "completed" | "conflict" | "stale" | "lost";

/** The rows of enrolments. */
export interface Enrolments {
  insert(enrolment: Omit<Enrolment, "version" | "settledAt" | "settledBy">): Promise<boolean>;
  find(id: string): Promise<Enrolment | null>;
  findLatestOfSession(sessionId: string): Promise<Enrolment | null>;
  findPendingOfSubscriber(subscriberId: string): Promise<Enrolment[]>;
  statuses(ids: readonly string[]): Promise<LiveStatus[]>;
  end(id: string, state: EnrolmentEnd, by: Witness, now: Date): Promise<boolean>;
  /**
   * pending → completed together with the new phone's row, the end of the phone it replaces, the line for the owner, and
   * the account's next epoch, which the enrolling session alone takes over: every other session ends with it. Browsers
   * that came in with the password alone while the phone was being added are nobody's that we know: they are forgotten.
   */
  complete(id: string, providerId: string, by: Witness, now: Date): Promise<Completion>;
  claimPoll(id: string, now: Date, until: Date): Promise<boolean>;
  /** Gives one's own claim back; one that ran out meanwhile and went to somebody else stays theirs. */
  releasePoll(id: string, claimedUntil: Date, nextPollAt: Date): Promise<void>;
  findOverdue(now: Date, limit: number): Promise<Enrolment[]>;
  findExpired(now: Date, limit: number): Promise<string[]>;
}
