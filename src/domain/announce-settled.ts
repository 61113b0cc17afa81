import { type Deps, type LogFields } from "./deps.js";
import { type LiveStatus, type WatchedKind, type Witness } from "./watched.js";

/** The word by which the log calls each kind. */
const NOUN: Readonly<Record<WatchedKind, string>> = { approval: "challenge", registration: "enrolment" };

/** How the log names something that is watched: `challengeId` or `enrolmentId`. */
export function logIdOf(kind: WatchedKind, id: string): LogFields {
  return { [`${NOUN[kind]}Id`]: id };
}

/**
 * Publishes what was settled, for the one caller that changed the row, after its commit: whoever hears of it can already
 * read it.
 */
export async function announceSettled(
  { feed, polls, log }: Pick<Deps, "feed" | "polls" | "log">,
  { id, kind, status }: Pick<LiveStatus, "id" | "kind" | "status">,
  by: Witness,
): Promise<void> {
  log.info({ ...logIdOf(kind, id), kind, status, by }, `${NOUN[kind]} settled`);
  await feed.publish(id);
  if (by !== "poll") await polls.forget(id);
}
