import type { Deps, Log, LogFields } from "./deps.js";
import type { LiveStatus, WatchedKind, Witness } from "./watched.js";

/** The word by which the log calls each kind. */
const NOUN: Readonly<Record<WatchedKind, string>> = { approval: "challenge", registration: "enrolment" };

/** How the log names something that is watched: `challengeId` or `enrolmentId`. */
export function logIdOf(kind: WatchedKind, id: string): LogFields {
  return { [`${NOUN[kind]}Id`]: id };
}

/** Says in the log what was settled, how, and by whom. */
export function logSettled(log: Pick<Log, "info">, { id, kind, status }: LiveStatus, by: Witness): void {
  log.info({ ...logIdOf(kind, id), kind, outcome: status, by }, `${NOUN[kind]} settled`);
}

/**
 * Publishes what was settled, for the one caller that changed the row, after its commit: whoever is notified can already
 * read the row. Nothing waits for it, and nothing is lost when this process dies before: the row says the same.
 */
export function announceSettled({ feed, polls }: Pick<Deps, "feed" | "polls">, status: LiveStatus, by: Witness): void {
  feed.publish(status);
  if (by !== "poll") polls.forget(status.id);
}
