import { type LiveStatus, type PublicStatus, type WatchedRow, type WatchedRows, type Witness } from "./watched.js";

/** `conflict`: the scanned phone already protects another account here. */
export type EnrolmentState = "pending" | "completed" | "expired" | "cancelled" | "failed" | "conflict";

/** What ends a pending enrolment without a phone. */
export type EnrolmentEnd = Exclude<EnrolmentState, "pending" | "completed">;

/** Binding a phone to an account; its id is the opaque `custom_user_id` of the QR code, fresh for each attempt. */
export interface Enrolment extends WatchedRow {
  readonly subscriberId: string;
  readonly sessionId: string;
  readonly epoch: number;
  readonly replacesFactor: boolean;
  readonly state: EnrolmentState;
  readonly settledAt: Date | null;
  readonly settledBy: Witness | null;
}

/** What the outside is told of a state: a phone that protects another account reads as failed. */
export function publicEnrolmentStatus(state: EnrolmentState): PublicStatus {
  return state === "conflict" ? "failed" : state;
}

/** What a watcher is told of an enrolment. */
export function enrolmentStatus({
  id,
  state,
  version,
  expiresAt,
}: Pick<Enrolment, "id" | "state" | "version" | "expiresAt">): LiveStatus {
  return { id, kind: "registration", status: publicEnrolmentStatus(state), version, expiresAt };
}

/** The rows of enrolments. */
export interface Enrolments extends WatchedRows<Enrolment> {
  /** @returns false when the account has a pending enrolment already: at most one for each. */
  insert(enrolment: Omit<Enrolment, "version" | "settledAt" | "settledBy">): Promise<boolean>;
  findLatestOfSession(sessionId: string): Promise<Enrolment | null>;
  findPendingOfSubscriber(subscriberId: string): Promise<Enrolment[]>;
  /** pending → one of the ends without a phone, once. */
  end(id: string, state: EnrolmentEnd, by: Witness, now: Date): Promise<boolean>;
  /** pending → completed, once, while the session that asked lives and its account has not moved on since. */
  complete(id: string, by: Witness, now: Date): Promise<boolean>;
}
