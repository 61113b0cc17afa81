import type { Redis } from "ioredis";

import type { Rings } from "../domain/deps.js";
import { idQueue } from "./id-queue.js";

export const RING_QUEUE = "ring-again";

/** Job data holds ids only: what is asked is read from the database. */
export interface RingJob {
  readonly challengeId: string;
  readonly factorId: string;
}

/**
 * The producer of rings that are tried again. Where Redis is away the ring is lost, and nothing else.
 *
 * @param now - The clock by which jobs are due.
 * @param onRefused - Hears why a job could not be added.
 */
export function ringQueue(
  connection: Redis,
  now: () => Date,
  onRefused: (error: unknown) => void,
): Rings & { close(): Promise<void> } {
  const queue = idQueue<RingJob>(RING_QUEUE, connection);
  return {
    schedule(challengeId, factorId, at) {
      if (connection.status !== "ready") return;
      const delay = Math.max(0, at.getTime() - now().getTime());
      queue
        .add("ring", { challengeId, factorId }, { jobId: `ring-${challengeId}-${factorId}`, delay })
        .catch(onRefused);
    },
    close: () => queue.close(),
  };
}
