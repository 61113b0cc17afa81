import { DelayedError, type Job, type Queue, RateLimitError } from "bullmq";

import { askAboutChallenge, askAboutEnrolment, type Asked } from "../src/domain/ask-provider.js";
import { isLive } from "../src/domain/challenge.js";
import { type Deps } from "../src/domain/deps.js";
import { LoginError, ProviderRefused, ProviderThrottled } from "../src/domain/errors.js";
import { type PollJob } from "../src/queue/poll-queue.js";

/** How soon to look again when Authy could not be asked. */
const AGAIN_MS = 1000;
/** Clocks and timers differ by this much. */
const EARLY_MS = 100;

/**
 * One look at a challenge or enrolment. The job moves itself forward in time until the row is settled; moving costs no
 * attempts, and a crash at any place leaves a row from which the next look goes on.
 */
export function pollChallenge(deps: Deps, queue: Pick<Queue, "rateLimit">) {
  return async function poll(job: Job<PollJob>, token?: string, signal?: AbortSignal): Promise<void> {
    const asked = await look(deps, queue, job.data, signal);
    if (asked.kind === "settled") return;
    // The row's times are the database's, the queue's are this host's.
    await job.moveToDelayed(Date.now() + Math.max(0, asked.at.getTime() - deps.now().getTime()), token);
    throw new DelayedError();
  };
}

async function look(
  deps: Deps,
  queue: Pick<Queue, "rateLimit">,
  { kind, id }: PollJob,
  signal: AbortSignal | undefined,
): Promise<Asked> {
  try {
    const asked =
      kind === "approval" ? await lookAtChallenge(deps, id, signal) : await lookAtEnrolment(deps, id, signal);
    // Whoever settled it may have died before it could ring.
    if (asked.kind === "settled") await deps.feed.publish(id);
    return asked;
  } catch (error) {
    if (error instanceof ProviderThrottled) {
      deps.log.warn({ challengeId: id, retryAfterMs: error.retryAfterMs }, "Authy asks to wait");
      await queue.rateLimit(error.retryAfterMs); // for all workers
      throw new RateLimitError();
    }
    if (!(error instanceof LoginError)) throw error;
    deps.log.warn({ challengeId: id, code: error.code }, "Authy could not be asked");
    const pause = error instanceof ProviderRefused ? deps.settings.pollMaxMs : AGAIN_MS;
    return { kind: "later", at: new Date(deps.now().getTime() + pause) };
  }
}

async function lookAtChallenge(deps: Deps, id: string, signal: AbortSignal | undefined): Promise<Asked> {
  const challenge = await deps.challenges.find(id);
  if (challenge === null || !isLive(challenge.state)) return { kind: "settled" };
  return isTooEarly(deps, challenge) ?? askAboutChallenge(deps, challenge, "poll", signal);
}

async function lookAtEnrolment(deps: Deps, id: string, signal: AbortSignal | undefined): Promise<Asked> {
  const enrolment = await deps.enrolments.find(id);
  if (enrolment?.state !== "pending") return { kind: "settled" };
  return isTooEarly(deps, enrolment) ?? askAboutEnrolment(deps, enrolment, "poll", signal);
}

/** The row, not the job, says when to ask: somebody else may have asked since the job was made. */
function isTooEarly({ now }: Pick<Deps, "now">, { nextPollAt }: { readonly nextPollAt: Date | null }): Asked | null {
  const isEarly = nextPollAt !== null && nextPollAt.getTime() > now().getTime() + EARLY_MS;
  return isEarly ? { kind: "later", at: nextPollAt } : null;
}
