import type { Deps } from "./deps.js";
import { readEnrolment } from "./enrol.js";
import { type Enrolment, isOpen } from "./enrolment.js";
import { sessionBucket } from "./failures.js";
import type { Session } from "./session.js";
import { settleEnrolment } from "./settle-enrolment.js";
import { appCodeIn } from "./typed-code.js";

export type Confirmed =
  | { readonly kind: "confirmed" }
  | { readonly kind: "wrong" }
  /** Not judged: too many wrong ones before. */
  | { readonly kind: "wait"; readonly seconds: number }
  /** There is nothing to confirm, or no more. */
  | { readonly kind: "over" };

/**
 * Completes the enrolment of a session by the code that what was just set up shows: only then does it protect the account.
 * A try is counted before it is judged, among the session's own failures. What was claimed by something with a key of its
 * own is confirmed without a code: the person has compared the digits.
 */
export async function confirmEnrolment(deps: Deps, session: Session, typed: string): Promise<Confirmed> {
  const enrolment = await readEnrolment(deps, session.id);
  if (enrolment?.state === "claimed") return confirmClaim(deps, enrolment);
  const enrols = enrolment && deps.providers[enrolment.type]?.enrols;
  if (enrolment === null || !isOpen(enrolment) || enrols?.confirm === undefined) return { kind: "over" };
  const code = appCodeIn(typed);
  if (code === null) return { kind: "wrong" }; // which costs no try
  const bucket = sessionBucket(session.id);
  const wait = await deps.failures.take(bucket, deps.now(), deps.settings);
  if (wait !== null) return { kind: "wait", seconds: wait };
  const completed = await enrols.confirm(enrolment, code);
  if (completed === null) return { kind: "wrong" };
  // Its own try alone: wrong passwords of this session are counted in the same place.
  await deps.failures.giveBack(bucket);
  const isSettled = await settleEnrolment(deps, enrolment.id, completed, "person");
  return { kind: isSettled ? "confirmed" : "over" };
}

async function confirmClaim(deps: Deps, enrolment: Enrolment): Promise<Confirmed> {
  const claimed = await deps.providers[enrolment.type]?.enrols.claimed?.(enrolment);
  if (claimed == null) return { kind: "over" };
  const { providerId, label } = claimed;
  const isSettled = await settleEnrolment(deps, enrolment.id, { state: "completed", providerId, label }, "person");
  return { kind: isSettled ? "confirmed" : "over" };
}
