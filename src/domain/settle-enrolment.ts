import { announceSettled, logSettled } from "./announce-settled.js";
import { completeEnrolment } from "./complete-enrolment.js";
import type { Deps } from "./deps.js";
import type { EnrolmentEnd } from "./enrolment.js";
import type { Completed } from "./factor-provider.js";
import type { Witness } from "./watched.js";

export type EnrolmentOutcome = Completed | { readonly state: Exclude<EnrolmentEnd, "conflict"> };

export type SettleEnrolmentDeps = Pick<Deps, "enrolments" | "transaction" | "feed" | "polls" | "log" | "tally" | "now">;

/**
 * Gives a pending enrolment its outcome, once, however many witnesses report it. What already protects another
 * account makes it a conflict; what was scanned after its session ended or the password changed does not become active.
 *
 * @returns true for the one caller that changed the state.
 */
export async function settleEnrolment(
  deps: SettleEnrolmentDeps,
  id: string,
  outcome: EnrolmentOutcome,
  by: Witness,
): Promise<boolean> {
  const end =
    outcome.state === "completed"
      ? await completeEnrolment(deps, id, outcome, by)
      : (await deps.enrolments.end(id, outcome.state, by, deps.now())) && outcome.state;
  if (!end) return false;
  const settled = await deps.enrolments.find(id);
  if (settled !== null) deps.tally.enrolment(settled.type, end);
  for (const status of await deps.enrolments.statuses([id])) {
    announceSettled(deps, status, by);
    logSettled(deps.log, status, by);
  }
  return true;
}
