import { expireIfOver } from "./ask-provider.js";
import { type Deps } from "./deps.js";
import { type Enrolment } from "./enrolment.js";
import { newId } from "./secrets.js";
import { type Session } from "./session.js";
import { settleEnrolment, type SettleEnrolmentDeps } from "./settle-enrolment.js";
import { type Subscriber } from "./subscriber.js";
import { registrations, type WatchedDeps } from "./watched-kinds.js";

/** The password was typed too long ago to bind a phone with it. */
export function needsFreshPassword(
  { settings, now }: Pick<Deps, "settings" | "now">,
  session: Pick<Session, "passwordAt">,
): boolean {
  return now().getTime() - session.passwordAt.getTime() > settings.freshPasswordSeconds * 1000;
}

/** Starts an enrolment under a fresh opaque id; one that was pending for the account is cancelled. */
export async function startEnrolment(
  deps: SettleEnrolmentDeps & Pick<Deps, "settings">,
  session: Session,
  subscriber: Subscriber,
  replacesFactor: boolean,
): Promise<Enrolment> {
  const createdAt = deps.now();
  // Whole seconds, so that the token's own end and ours are the same moment.
  const expiresAt = new Date((Math.floor(createdAt.getTime() / 1000) + deps.settings.registrationTtlSeconds) * 1000);
  const nextPollAt = new Date(createdAt.getTime() + deps.settings.pollRegistrationMs);
  const enrolment = {
    id: newId(),
    subscriberId: subscriber.id,
    sessionId: session.id,
    epoch: session.epoch,
    replacesFactor,
    state: "pending" as const,
    createdAt,
    expiresAt,
    nextPollAt,
  };
  do {
    for (const pending of await deps.enrolments.findPendingOfSubscriber(subscriber.id))
      await settleEnrolment(deps, pending.id, { state: "cancelled" }, "person");
  } while (!(await deps.enrolments.insert(enrolment)));
  await deps.polls.schedule("registration", enrolment.id, nextPollAt);
  return { ...enrolment, version: 1, settledAt: null, settledBy: null };
}

/** Reads an enrolment as it stands now; one whose time is over ends on the way. */
export async function readEnrolment(deps: WatchedDeps, sessionId: string): Promise<Enrolment | null> {
  const enrolment = await deps.enrolments.findLatestOfSession(sessionId);
  return enrolment === null ? null : expireIfOver(deps, registrations, enrolment);
}
