import { allOrNothing } from "./all-or-nothing.js";
import { expireIfOver } from "./ask-provider.js";
import { type Deps } from "./deps.js";
import { type Enrolment } from "./enrolment.js";
import { type FactorType } from "./factor.js";
import { knowOnlyThisBrowser, type KnowableBrowser } from "./open-session.js";
import { newId } from "./secrets.js";
import { type Session } from "./session.js";
import { settleEnrolment } from "./settle-enrolment.js";
import { hasStepUp, useStepUp } from "./step-up.js";
import { registrations, type WatchedDeps } from "./watched-kinds.js";

/** The password was typed too long ago to bind a phone with it. */
export function needsFreshPassword(
  { settings, now }: Pick<Deps, "settings" | "now">,
  session: Pick<Session, "passwordAt">,
): boolean {
  return now().getTime() - session.passwordAt.getTime() > settings.freshPasswordSeconds * 1000;
}

/**
 * Starts an enrolment under a fresh opaque id; one that was pending for the account is cancelled. Where a phone is enrolled
 * it is to be replaced, which takes a step-up. From now on the account knows this browser alone.
 *
 * @returns the key by which it knows this browser; null without the step-up.
 */
export async function startEnrolment(deps: Deps, session: Session, browser: KnowableBrowser): Promise<string | null> {
  const { subscriberId, epoch } = session;
  const type = firstType(deps);
  const replacesFactor = (await deps.factors.listActive(subscriberId)).length > 0;
  const needsStepUp = replacesFactor && !(await isReplacing(deps, session));
  if (needsStepUp && !(await hasStepUp(deps, session, "replace-phone"))) return null;
  for (;;) {
    for (const pending of await deps.enrolments.findOpenOfSubscriber(subscriberId))
      await settleEnrolment(deps, pending.id, { state: "cancelled" }, "person");
    const enrolment = newEnrolment(deps, type, session, replacesFactor);
    const started = await allOrNothing(deps, async (inside) => {
      const mayStart =
        (await inside.subscribers.hold(subscriberId, epoch)) &&
        (!replacesFactor || (await useStepUp(inside, session, "replace-phone")) || !needsStepUp);
      if (!mayStart) return { knownKey: null };
      const knownKey = await knowOnlyThisBrowser(inside, subscriberId, browser, enrolment.createdAt);
      return (await inside.enrolments.insert(enrolment)) ? { knownKey } : null;
    });
    if (started === null) continue; // another tab's enrolment came in between
    if (started.knownKey !== null && enrolment.nextPollAt !== null)
      await deps.polls.schedule("registration", enrolment.id, enrolment.nextPollAt);
    return started.knownKey;
  }
}

/** @throws when there is none: the settings see to that. */
function firstType({ providers }: Pick<Deps, "providers">): FactorType {
  const [type] = Object.keys(providers) as FactorType[];
  if (type === undefined) throw new Error("there is no type of factor to enrol");
  return type;
}

function newEnrolment(
  { providers, settings, now }: Pick<Deps, "providers" | "settings" | "now">,
  type: FactorType,
  session: Session,
  replacesFactor: boolean,
) {
  const createdAt = now();
  return {
    id: newId(),
    subscriberId: session.subscriberId,
    sessionId: session.id,
    epoch: session.epoch,
    type,
    replacesFactor,
    state: "pending" as const,
    createdAt,
    // Whole seconds, so that the token's own end and ours are the same moment.
    expiresAt: new Date((Math.floor(createdAt.getTime() / 1000) + settings.registrationTtlSeconds) * 1000),
    nextPollAt:
      providers[type]?.enrols.state === undefined ? null : new Date(createdAt.getTime() + settings.pollRegistrationMs),
  };
}

/** A step-up lets one phone be replaced; while its enrolment has not come to that, the code may be made anew. */
async function isReplacing(deps: Deps, session: Session): Promise<boolean> {
  const used = await deps.attempts.findLatestOfSession(session.id);
  const latest = await readEnrolment(deps, session.id);
  if (used?.purpose !== "replace-phone" || used.state !== "finished" || used.spentAt === null) return false;
  const { stepUpTtlSeconds, registrationTtlSeconds } = deps.settings;
  const ageSeconds = (deps.now().getTime() - used.spentAt.getTime()) / 1000;
  const isUnfinished = latest?.replacesFactor === true && ["pending", "claimed", "expired"].includes(latest.state);
  return isUnfinished && ageSeconds < stepUpTtlSeconds + registrationTtlSeconds;
}

/** Reads an enrolment as it stands now; one whose time is over ends on the way. */
export async function readEnrolment(deps: WatchedDeps, sessionId: string): Promise<Enrolment | null> {
  const enrolment = await deps.enrolments.findLatestOfSession(sessionId);
  return enrolment === null ? null : expireIfOver(deps, registrations, enrolment);
}
