import { type Deps } from "./deps.js";
import { settleChallenge } from "./settle-challenge.js";
import { settleEnrolment } from "./settle-enrolment.js";

const BATCH = 200;

/** How long a poll may be overdue before its job counts as lost. */
const OVERDUE_MS = 2000;

type ReconcileDeps = Omit<Deps, "passwords" | "recoveryCodes">;

/** After Redis was emptied, so many jobs are made at once before others get their turn. */
const REBUILD_AT_ONCE = 500;
const REBUILD_PAUSE_MS = 50;
/** Farther than any poll is scheduled. */
const ALL_POLLS_MS = 7 * 86_400_000;

/**
 * Repairs what a crash or an empty Redis left behind, from the rows alone: polls that nobody made, ends that nobody
 * called, approvals that nobody used. Harmless when nothing is wrong, and when several run at once.
 */
export async function reconcile(deps: ReconcileDeps): Promise<void> {
  const now = deps.now();
  if (await deps.polls.noticeLoss()) await rebuildJobs(deps, now);
  for (const id of await deps.challenges.findExpired(now, BATCH)) await settleChallenge(deps, id, "expired", "clock");
  for (const id of await deps.enrolments.findExpired(now, BATCH))
    await settleEnrolment(deps, id, { state: "expired" }, "clock");
  const overdue = new Date(now.getTime() - OVERDUE_MS);
  for (const challenge of await deps.challenges.findOverdue(overdue, BATCH))
    await deps.polls.schedule("approval", challenge.id, now);
  for (const enrolment of await deps.enrolments.findOverdue(overdue, BATCH))
    await deps.polls.schedule("registration", enrolment.id, now);
  await deps.challenges.lapseOld(new Date(now.getTime() - deps.settings.approvedTtlSeconds * 1000));
}

async function rebuildJobs(
  { challenges, enrolments, polls, log }: Pick<Deps, "challenges" | "enrolments" | "polls" | "log">,
  now: Date,
): Promise<void> {
  const all = new Date(now.getTime() + ALL_POLLS_MS);
  const approvals = await challenges.findOverdue(all, Number.MAX_SAFE_INTEGER);
  const registrations = await enrolments.findOverdue(all, Number.MAX_SAFE_INTEGER);
  const jobs = [
    ...approvals.map((row) => ({ kind: "approval" as const, row })),
    ...registrations.map((row) => ({ kind: "registration" as const, row })),
  ];
  if (jobs.length > 0) log.warn({ jobs: jobs.length }, "the queue was empty: its jobs are made again");
  for (const [made, { kind, row }] of jobs.entries()) {
    await polls.schedule(kind, row.id, row.nextPollAt ?? now);
    if (made % REBUILD_AT_ONCE === REBUILD_AT_ONCE - 1)
      await new Promise((resolve) => setTimeout(resolve, REBUILD_PAUSE_MS));
  }
}
