import type { Deps } from "./deps.js";
import { readEnrolment } from "./enrol.js";
import type { Session } from "./session.js";
import { settleEnrolment } from "./settle-enrolment.js";
import type { Subscriber } from "./subscriber.js";

/** What the browser of a session needs to make a passkey for its enrolment. @returns null when there is none to make. */
export async function askForNewPasskey(deps: Deps, session: Session, account: Subscriber): Promise<object | null> {
  const enrolment = await readEnrolment(deps, session.id);
  if (enrolment?.state !== "pending") return null;
  return (await deps.providers[enrolment.type]?.enrols.registers?.options(enrolment, account)) ?? null;
}

/**
 * Completes the enrolment of a session with the passkey that its browser made.
 *
 * @returns `over` where there is nothing to complete, or no more; the enrolment says how it ended.
 */
export async function registerPasskey(
  deps: Deps,
  session: Session,
  response: unknown,
  label: string,
): Promise<"registered" | "refused" | "over"> {
  const enrolment = await readEnrolment(deps, session.id);
  if (enrolment?.state !== "pending") return "over";
  const completed = await deps.providers[enrolment.type]?.enrols.registers?.verify(enrolment, response);
  if (completed === undefined) return "over";
  if (completed === null) return "refused";
  const isSettled = await settleEnrolment(deps, enrolment.id, { ...completed, label }, "person");
  return isSettled ? "registered" : "over";
}
