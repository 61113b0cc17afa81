import type { FactorType } from "./factor.js";
import type { LiveStatus, PublicStatus, WatchedRow, WatchedRows, Witness } from "./watched.js";

/**
 * pending → (claimed →) completed, or an end without a factor. `claimed`: something answered the code, and waits for the
 * session that asked to confirm it. `conflict`: what was scanned protects another account here already.
 */
export type EnrolmentState = "pending" | "claimed" | "completed" | "expired" | "cancelled" | "failed" | "conflict";

/** What ends an enrolment without a factor. */
export type EnrolmentEnd = Exclude<EnrolmentState, "pending" | "claimed" | "completed">;

/**
 * Binding a factor to an account; its id, fresh for each attempt, is the opaque name that a provider hears (Authy's
 * `custom_user_id`), and the id of the factor that it makes.
 */
export interface Enrolment extends WatchedRow {
  readonly subscriberId: string;
  readonly sessionId: string;
  readonly type: FactorType;
  readonly epoch: number;
  /** Of Authy's: the one of before goes at once. Of a phone of one's own: Authy's may go once this one has approved a sign-in. */
  readonly replacesFactor: boolean;
  readonly state: EnrolmentState;
  readonly settledAt: Date | null;
  readonly settledBy: Witness | null;
}

/** What browsers see of a state: what protects another account reads as failed. */
export function publicEnrolmentStatus(state: EnrolmentState): PublicStatus {
  return state === "conflict" ? "failed" : state;
}

/** True while it may still become a factor. */
export function isOpen({ state }: Pick<Enrolment, "state">): boolean {
  return state === "pending" || state === "claimed";
}

/** What event streams and status requests show of an enrolment. */
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
  findOpenOfSubscriber(subscriberId: string): Promise<Enrolment[]>;
  /** pending → claimed, once, while the session that asked lives and its account has not moved on since. */
  claim(id: string, now: Date): Promise<boolean>;
  /** One of the ends without a factor, once. */
  end(id: string, state: EnrolmentEnd, by: Witness, now: Date): Promise<boolean>;
  /** → completed, once, while the session that asked lives and its account has not moved on since. */
  complete(id: string, by: Witness, now: Date): Promise<boolean>;
}
