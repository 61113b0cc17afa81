import { type Deps } from "./deps.js";
import { removeForgottenUpstream } from "./disable-two-factor.js";
import { settleChallenge } from "./settle-challenge.js";
import { settleEnrolment } from "./settle-enrolment.js";

const BATCH = 200;

/** How long a poll may be overdue before its job counts as lost. */
const OVERDUE_MS = 2000;

type ReconcileDeps = Omit<Deps, "passwords" | "recoveryCodes">;

/**
 * Repairs what a crash or an empty Redis left behind, from the rows alone: polls that nobody made, ends that nobody
 * called, approvals that nobody used. Harmless when nothing is wrong, and when several run at once.
 */
export async function reconcile(deps: ReconcileDeps): Promise<void> {
  const now = deps.now();
  for (const id of await deps.challenges.findExpired(now, BATCH)) await settleChallenge(deps, id, "expired", "clock");
  for (const id of await deps.enrolments.findExpired(now, BATCH))
    await settleEnrolment(deps, id, { state: "expired" }, "clock");
  const overdue = new Date(now.getTime() - OVERDUE_MS);
  for (const challenge of await deps.challenges.findOverdue(overdue, BATCH))
    await deps.polls.schedule("approval", challenge.id, now);
  for (const enrolment of await deps.enrolments.findOverdue(overdue, BATCH))
    await deps.polls.schedule("registration", enrolment.id, now);
  await deps.challenges.lapseOld(new Date(now.getTime() - deps.settings.approvedTtlSeconds * 1000));
  await removeForgottenUpstream(deps);
}
