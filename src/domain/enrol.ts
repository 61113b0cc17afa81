import { allOrNothing } from "./all-or-nothing.js";
import { expireIfOver } from "./ask-provider.js";
import type { StepUpAction } from "./attempt.js";
import type { Deps } from "./deps.js";
import { type Enrolment, isOpen } from "./enrolment.js";
import { type Factor, FACTOR_NAMES, type FactorType } from "./factor.js";
import { mayMove } from "./move-from-authy.js";
import { knowOnlyThisBrowser, type KnowableBrowser } from "./open-session.js";
import { newId } from "./secrets.js";
import type { Session } from "./session.js";
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

export type Started =
  /** `knownKey`: the key by which the account knows the browser. */
  | { readonly kind: "started"; readonly knownKey: string }
  | { readonly kind: "needs-step-up"; readonly action: StepUpAction }
  /** The account has as many as it may have. */
  | { readonly kind: "too-many" }
  /** The account was changed meanwhile. */
  | { readonly kind: "over" };

/**
 * Starts an enrolment under a fresh opaque id; one that was open for the account is cancelled. Where the account has a
 * factor already this takes a step-up; one of Authy's is to be replaced by another one, all others are added. From now on the
 * account knows this browser alone.
 */
export async function startEnrolment(
  deps: Deps,
  type: FactorType,
  session: Session,
  browser: KnowableBrowser,
): Promise<Started> {
  const { subscriberId, epoch } = session;
  const factors = await deps.factors.listActive(subscriberId);
  const isAgain = type === "authy-push" && factors.some((factor) => factor.type === type);
  const replacesFactor = isAgain || (await isMove(deps, type, session, factors));
  const { factorLimit } = deps.settings;
  if (!replacesFactor && factorLimit > 0 && factors.length >= factorLimit) return { kind: "too-many" };
  const action: StepUpAction = isAgain ? "replace-phone" : replacesFactor ? "move-from-authy" : "add-factor";
  const about = replacesFactor ? "" : FACTOR_NAMES[type];
  const needsStepUp = factors.length > 0 && !(await isUnderWay(deps, session, action));
  if (needsStepUp && !(await hasStepUp(deps, session, action, about))) return { kind: "needs-step-up", action };
  for (;;) {
    for (const open of await deps.enrolments.findOpenOfSubscriber(subscriberId))
      await settleEnrolment(deps, open.id, { state: "cancelled" }, "person");
    const enrolment = newEnrolment(deps, type, session, replacesFactor);
    const started = await allOrNothing(deps, async (inside) => {
      const mayStart =
        (await inside.subscribers.hold(subscriberId, epoch)) &&
        (factors.length === 0 || (await useStepUp(inside, session, action, about)) || !needsStepUp);
      if (!mayStart) return { knownKey: null };
      const knownKey = await knowOnlyThisBrowser(inside, subscriberId, browser, enrolment.createdAt);
      if (!(await inside.enrolments.insert(enrolment))) return null;
      await deps.providers[type]?.enrols.begin?.(inside, enrolment);
      return { knownKey };
    });
    if (started === null) continue; // another tab's enrolment came in between
    if (started.knownKey === null) return { kind: "over" };
    deps.tally.enrolment(type, "begun");
    if (enrolment.nextPollAt !== null) await deps.polls.schedule("registration", enrolment.id, enrolment.nextPollAt);
    return { kind: "started", knownKey: started.knownKey };
  }
}

function newEnrolment(
  { providers, settings, now }: Pick<Deps, "providers" | "settings" | "now">,
  type: FactorType,
  session: Session,
  replacesFactor: boolean,
) {
  const createdAt = now();
  const isPolled = providers[type]?.enrols.state !== undefined;
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
    nextPollAt: isPolled ? new Date(createdAt.getTime() + settings.pollRegistrationMs) : null,
  };
}

/** Whether a phone of one's own is to take the place of Authy's, to which Authy's has consented. */
async function isMove(deps: Deps, type: FactorType, session: Session, factors: readonly Factor[]): Promise<boolean> {
  if (type !== "phone" || !mayMove(deps, factors)) return false;
  return (await hasStepUp(deps, session, "move-from-authy")) || isUnderWay(deps, session, "move-from-authy");
}

/** A step-up lets one factor be added; while its enrolment has not come to that, the code may be made anew. */
async function isUnderWay(deps: Deps, session: Session, action: StepUpAction): Promise<boolean> {
  const used = await deps.attempts.findLatestOfSession(session.id);
  const latest = await readEnrolment(deps, session.id);
  if (used?.purpose !== action || used.state !== "finished" || used.spentAt === null) return false;
  const { stepUpTtlSeconds, registrationTtlSeconds } = deps.settings;
  const ageSeconds = (deps.now().getTime() - used.spentAt.getTime()) / 1000;
  const isOfAction = latest?.replacesFactor === (action !== "add-factor") && latest.createdAt >= used.spentAt;
  const isUnfinished = latest !== null && (isOpen(latest) || latest.state === "expired");
  return isOfAction && isUnfinished && ageSeconds < stepUpTtlSeconds + registrationTtlSeconds;
}

/** Reads an enrolment as it stands now; one whose time is over ends on the way. */
export async function readEnrolment(deps: WatchedDeps, sessionId: string): Promise<Enrolment | null> {
  const enrolment = await deps.enrolments.findLatestOfSession(sessionId);
  return enrolment === null ? null : expireIfOver(deps, registrations, enrolment);
}
