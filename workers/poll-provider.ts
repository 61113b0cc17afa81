import { DelayedError, type Job, type Queue, RateLimitError } from "bullmq";

import { logIdOf } from "../src/domain/announce-settled.js";
import { type Asked, pollOnce } from "../src/domain/ask-provider.js";
import type { Deps } from "../src/domain/deps.js";
import { LoginError, ProviderRefused, ProviderThrottled } from "../src/domain/errors.js";
import { WATCHED } from "../src/domain/watched-kinds.js";
import type { PollJob } from "../src/queue/poll-queue.js";

/** How soon to look again when the provider could not be asked. */
const AGAIN_MS = 1000;

/**
 * One turn of the poller at a challenge or an enrolment. The job moves itself forward in time until the row is settled;
 * moving costs no attempts, and a crash at any place leaves a row from which the next turn goes on.
 */
export function pollProvider(deps: Deps, queue: Pick<Queue, "rateLimit">) {
  return async function poll(job: Job<PollJob>, token?: string, signal?: AbortSignal): Promise<void> {
    const asked = await ask(deps, job.data, signal).catch(async (error: unknown) => {
      if (!(error instanceof ProviderThrottled)) throw error;
      await queue.rateLimit(error.retryAfterMs); // for all workers
      throw new RateLimitError();
    });
    if (asked.kind === "settled") return;
    // The row's times are the database's, the queue's are this host's.
    await job.moveToDelayed(Date.now() + Math.max(0, asked.at.getTime() - deps.now().getTime()), token);
    throw new DelayedError();
  };
}

/**
 * The same without jobs, for as long as the queue cannot be relied on: one turn at every row that is due. The row's lease
 * keeps two workers, and a job that does run, from asking at the same time.
 *
 * @param atMost - How many rows one call may ask about.
 */
export function pollDueRows(deps: Deps, atMost: number): () => Promise<void> {
  let waitUntil = 0;
  return async function poll(): Promise<void> {
    const now = deps.now();
    if (now.getTime() < waitUntil) return;
    const due: PollJob[] = [];
    for (const rules of Object.values(WATCHED))
      for (const { id } of await rules.rows(deps).findOverdue(now, atMost)) due.push({ kind: rules.kind, id });
    const asked = due.slice(0, atMost).map((row) =>
      ask(deps, row).catch((error: unknown) => {
        if (!(error instanceof ProviderThrottled)) throw error;
        waitUntil = Math.max(waitUntil, deps.now().getTime() + error.retryAfterMs);
      }),
    );
    for (const each of await Promise.allSettled(asked)) if (each.status === "rejected") throw each.reason;
  };
}

/** @throws ProviderThrottled with the time to wait. Other errors of the provider only mean to look again. */
async function ask(deps: Deps, { kind, id }: PollJob, signal?: AbortSignal): Promise<Asked> {
  try {
    const asked = await pollOnce(deps, WATCHED[kind], id, signal);
    // Whoever settled it may have died before publishing it.
    if (asked.kind === "settled")
      for (const status of await WATCHED[kind].rows(deps).statuses([id])) deps.feed.publish(status);
    return asked;
  } catch (error) {
    if (error instanceof ProviderThrottled)
      deps.log.warn({ ...logIdOf(kind, id), retryAfterMs: error.retryAfterMs }, "the provider asks to wait");
    if (error instanceof ProviderThrottled || !(error instanceof LoginError)) throw error;
    deps.log.warn({ ...logIdOf(kind, id), code: error.code }, "the provider could not be asked");
    const pause = error instanceof ProviderRefused ? deps.settings.pollMaxMs : AGAIN_MS;
    return { kind: "later", at: new Date(deps.now().getTime() + pause) };
  }
}
