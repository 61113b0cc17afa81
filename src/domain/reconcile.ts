import type { Deps } from "./deps.js";
import { endOverdueAttempts } from "./end-attempts.js";
import { WATCHED, type WatchedDeps } from "./watched-kinds.js";

const BATCH = 200;

/** How long a poll may be overdue before its job counts as lost. */
const OVERDUE_MS = 2000;

/** After Redis was emptied, so many jobs are made at once before others get their turn. */
const REBUILD_AT_ONCE = 500;
const REBUILD_PAUSE_MS = 50;
/** Farther than any poll is scheduled. */
const ALL_POLLS_MS = 7 * 86_400_000;

/**
 * Repairs what a crash or an empty Redis left behind, from the rows alone: polls without a job, requests and attempts
 * whose time is over, approvals that were not used. Harmless when nothing is wrong, and when several run at once.
 */
export async function reconcile(deps: WatchedDeps & Pick<Deps, "attempts">): Promise<void> {
  const now = deps.now();
  if (await deps.polls.noticeLoss()) await rebuildJobs(deps, now);
  const overdueSince = new Date(now.getTime() - OVERDUE_MS);
  for (const rules of Object.values(WATCHED)) {
    const rows = rules.rows(deps);
    for (const id of await rows.findExpired(now, BATCH)) await rules.expire(deps, id, "clock");
    for (const { id } of await rows.findOverdue(overdueSince, BATCH)) await deps.polls.schedule(rules.kind, id, now);
  }
  await endOverdueAttempts(deps);
  await deps.challenges.lapseOld(new Date(now.getTime() - deps.settings.approvedTtlSeconds * 1000));
}

async function rebuildJobs(deps: Pick<Deps, "challenges" | "enrolments" | "polls" | "log">, now: Date): Promise<void> {
  const dueBy = new Date(now.getTime() + ALL_POLLS_MS);
  const jobs = [];
  for (const rules of Object.values(WATCHED))
    for (const row of await rules.rows(deps).findOverdue(dueBy, Number.MAX_SAFE_INTEGER))
      jobs.push({ kind: rules.kind, ...row });
  if (jobs.length > 0) deps.log.warn({ jobs: jobs.length }, "the queue was empty: its jobs are made again");
  for (const [made, { kind, id, nextPollAt }] of jobs.entries()) {
    await deps.polls.schedule(kind, id, nextPollAt ?? now);
    if (made % REBUILD_AT_ONCE === REBUILD_AT_ONCE - 1)
      await new Promise((resolve) => setTimeout(resolve, REBUILD_PAUSE_MS));
  }
}
