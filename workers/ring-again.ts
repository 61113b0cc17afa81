import { DelayedError, type Job } from "bullmq";

import type { Deps } from "../src/domain/deps.js";
import { ringAgain } from "../src/domain/ring-again.js";
import type { RingJob } from "../src/queue/ring-queue.js";

/** Rings a phone once more. The job moves itself forward in time until the phone was reached or the request is over. */
export function ringDue(deps: Deps) {
  return async function ring(job: Job<RingJob>, token?: string): Promise<void> {
    const { challengeId, factorId } = job.data;
    const at = await ringAgain(deps, challengeId, factorId, job.attemptsStarted);
    if (at === null) return;
    // The row's times are the database's, the queue's are this host's.
    await job.moveToDelayed(Date.now() + Math.max(0, at.getTime() - deps.now().getTime()), token);
    throw new DelayedError();
  };
}
