import { Queue } from "bullmq";
import { type Redis } from "ioredis";

import { type Log, type Polls } from "../domain/deps.js";

export const POLL_QUEUE = "challenge-poll";

/** Job data holds ids only: what they stand for is read from the database. */
export interface PollJob {
  readonly kind: "approval" | "registration";
  readonly id: string;
}

/** One job for each challenge: adding it again changes nothing. BullMQ refuses ids with a colon or digits alone. */
function jobIdOf(id: string): string {
  return `poll-${id}`;
}

/** The queue's producer side. Redis may be away: then nothing is scheduled here and `reconcile` does it later. */
export function pollQueue(connection: Redis, log: Log): Polls & { close(): Promise<void>; metrics(): Promise<string> } {
  const queue = new Queue<PollJob>(POLL_QUEUE, {
    connection,
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: true,
      attempts: 20,
      backoff: { type: "exponential", delay: 500 },
    },
  });
  queue.on("error", () => undefined); // the connection says so itself
  const lost = (id: string) => (error: unknown) => {
    log.warn(
      { challengeId: id, reason: error instanceof Error ? error.message.slice(0, 120) : "" },
      "poll not scheduled",
    );
  };
  return {
    schedule(kind, id, at) {
      if (connection.status === "ready")
        queue
          .add("poll", { kind, id }, { jobId: jobIdOf(id), delay: Math.max(0, at.getTime() - Date.now()) })
          .catch(lost(id));
      return Promise.resolve();
    },
    forget(id) {
      // 0 means it runs right now: then it will see the settled row.
      if (connection.status === "ready") queue.remove(jobIdOf(id)).catch(() => undefined);
      return Promise.resolve();
    },
    metrics: () => (connection.status === "ready" ? queue.exportPrometheusMetrics() : Promise.resolve("")),
    close: () => queue.close(),
  };
}
