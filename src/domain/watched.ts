/** What a browser waits for and a provider is asked about: a push to approve, or a factor to be registered. */
export const WATCHED_KINDS = ["approval", "registration"] as const;
export type WatchedKind = (typeof WATCHED_KINDS)[number];

/** Statuses as streams and clients see them. */
export const PUBLIC_STATUSES = [
  "pending",
  "claimed",
  "approved",
  "completed",
  "denied",
  "expired",
  "cancelled",
  "failed",
] as const;
export type PublicStatus = (typeof PUBLIC_STATUSES)[number];

/** What event streams and status requests show of a challenge or an enrolment. */
export interface LiveStatus {
  readonly id: string;
  readonly kind: WatchedKind;
  readonly status: PublicStatus;
  readonly version: number;
  readonly expiresAt: Date;
}

/** Nothing comes after it: the row never changes again in a way that a watcher could see. */
export function isFinal(status: PublicStatus): boolean {
  return status !== "pending" && status !== "claimed";
}

/** Who reported the outcome: the signed callback, an event webhook that led to asking, a poll, the clock, the person. */
export type Witness = "callback" | "webhook" | "poll" | "clock" | "person";

/** The clock calls something expired this long after its end, so that a tap seen by the last poll still counts. */
export const EXPIRY_GRACE_MS = 5000;

/** What the rows of every kind have in common. */
export interface WatchedRow {
  readonly id: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Null until the provider may be asked. */
  readonly nextPollAt: Date | null;
}

/** What is asked of the rows of every kind. */
export interface WatchedRows<Row extends WatchedRow = WatchedRow> {
  find(id: string): Promise<Row | null>;
  statuses(ids: readonly string[]): Promise<LiveStatus[]>;
  /** Of these, only those that have changed since they were made, or whose time is over. */
  changed(ids: readonly string[], now: Date): Promise<LiveStatus[]>;
  /** One question to the provider at a time: true for the caller that may ask now. */
  claimPoll(id: string, now: Date, until: Date): Promise<boolean>;
  /** Gives one's own claim back; one that ran out meanwhile and went to somebody else stays theirs. */
  releasePoll(id: string, claimedUntil: Date, nextPollAt: Date): Promise<void>;
  /** Pending rows whose next poll was due by then. */
  findOverdue(dueBy: Date, limit: number): Promise<Pick<WatchedRow, "id" | "nextPollAt">[]>;
  /** Ids of live rows that the clock may call expired now. */
  findExpired(now: Date, limit: number): Promise<string[]>;
}
