import type { Redis } from "ioredis";

import type { Polls } from "../domain/deps.js";
import type { WatchedKind } from "../domain/watched.js";
import { idQueue } from "./id-queue.js";

export const POLL_QUEUE = "challenge-poll";

/** Job data holds ids only: what they stand for is read from the database. */
export interface PollJob {
  readonly kind: WatchedKind;
  readonly id: string;
}

/** One job for each row: adding it again changes nothing. BullMQ refuses ids with a colon or digits alone. */
function jobIdOf(id: string): string {
  return `poll-${id}`;
}

/** Nothing waits until a job is removed: answers that are under way go first. */
const REMOVE_AFTER_MS = 100;

/** Stands in Redis as long as Redis remembers its jobs. */
const MEMORY_KEY = "countersign:jobs-remembered";

/**
 * The queue's producer side. Redis may be away: then nothing is scheduled here and `reconcile` does it later.
 *
 * @param now - The clock by which jobs are due; their delay is what counts, so that it need not be this host's.
 * @param onRefused - Hears why a job could not be added, removed or missed.
 */
export function pollQueue(
  connection: Redis,
  now: () => Date,
  onRefused: (error: unknown) => void,
): Polls & { close(): Promise<void>; metrics(): Promise<string> } {
  const queue = idQueue<PollJob>(POLL_QUEUE, connection);
  let forgotten: string[] = [];
  const remove = (): void => {
    const ids = forgotten;
    forgotten = [];
    // 0 means it runs right now: then it will see the settled row.
    if (connection.status === "ready") for (const id of ids) queue.remove(jobIdOf(id)).catch(onRefused);
  };
  return {
    schedule(kind, id, at) {
      if (connection.status === "ready")
        queue
          .add("poll", { kind, id }, { jobId: jobIdOf(id), delay: Math.max(0, at.getTime() - now().getTime()) })
          .catch(onRefused);
      return Promise.resolve();
    },
    forget(id) {
      forgotten.push(id);
      if (forgotten.length === 1) setTimeout(remove, REMOVE_AFTER_MS).unref();
    },
    async noticeLoss() {
      if (connection.status !== "ready") return false;
      return (await connection.set(MEMORY_KEY, "1", "NX").catch(onRefused)) === "OK";
    },
    metrics: () => (connection.status === "ready" ? queue.exportPrometheusMetrics() : Promise.resolve("")),
    close: () => queue.close(),
  };
}
