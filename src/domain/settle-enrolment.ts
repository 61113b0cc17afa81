import { type Witness } from "./challenge.js";
import { type Deps } from "./deps.js";
import { type EnrolmentEnd, publicEnrolmentStatus } from "./enrolment.js";

export type EnrolmentOutcome =
  { readonly state: "completed"; readonly providerId: string } | { readonly state: Exclude<EnrolmentEnd, "conflict"> };

/**
 * Gives a pending enrolment its outcome, once. A phone that already protects another account makes it a conflict; one
 * that was scanned after its session ended or the password changed does not become active.
 *
 * @returns true for the one caller that changed the state.
 */
export async function settleEnrolment(
  deps: Pick<Deps, "enrolments" | "feed" | "polls" | "log" | "now">,
  id: string,
  outcome: EnrolmentOutcome,
  by: Witness,
): Promise<boolean> {
  const settled = await settle(deps, id, outcome, by);
  if (settled === null) return false;
  deps.log.info(
    { challengeId: id, kind: "registration", status: publicEnrolmentStatus(settled), by },
    "challenge settled",
  );
  await deps.feed.publish(id);
  if (by !== "poll") await deps.polls.forget(id);
  return true;
}

async function settle(
  { enrolments, now }: Pick<Deps, "enrolments" | "now">,
  id: string,
  outcome: EnrolmentOutcome,
  by: Witness,
): Promise<EnrolmentEnd | "completed" | null> {
  if (outcome.state !== "completed") return (await enrolments.end(id, outcome.state, by, now())) ? outcome.state : null;
  const completion = await enrolments.complete(id, outcome.providerId, by, now());
  if (completion === "completed") return "completed";
  if (completion === "lost") return null;
  const end = completion === "conflict" ? "conflict" : "cancelled";
  return (await enrolments.end(id, end, by, now())) ? end : null;
}
