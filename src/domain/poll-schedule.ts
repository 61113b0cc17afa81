import type { Deps } from "./deps.js";
import type { FactorType } from "./factor.js";

const CALLBACK_MEMORY_MS = 15 * 60_000;
const REGISTRATION_BRISK_MS = 60_000;

/**
 * True while callbacks are seen to arrive: of the approvals that were answered in the last 15 minutes, the newest was
 * settled by one. Only types that can be asked count: what others answer says nothing about them. Asked of the rows, so that
 * all processes agree.
 */
export async function callbacksArrive({
  challenges,
  providers,
  now,
}: Pick<Deps, "challenges" | "providers" | "now">): Promise<boolean> {
  const polled = (Object.keys(providers) as FactorType[]).filter((type) => providers[type]?.asks?.state !== undefined);
  return (await challenges.newestWitnessSince(new Date(now().getTime() - CALLBACK_MEMORY_MS), polled)) === "callback";
}

/** When to ask about a push for the first time: late while callbacks do the work. */
export async function firstApprovalPoll(
  deps: Pick<Deps, "challenges" | "providers" | "settings" | "now">,
  sentAt: Date,
): Promise<Date> {
  const wait = (await callbacksArrive(deps)) ? deps.settings.pollFirstWithCallbacksMs : deps.settings.pollFirstMs;
  return new Date(sentAt.getTime() + wait);
}

/** The pause before the next poll of a push grows with its age, from the first pause to the longest. */
export function nextApprovalPoll(settings: Deps["settings"], startedAt: Date, deadline: Date, now: Date): Date {
  const age = Math.max(0, now.getTime() - startedAt.getTime());
  const pause = Math.min(settings.pollMaxMs, settings.pollFirstMs + age / 10);
  return atMostOnceAfter(deadline, now, pause);
}

/** The pause before the next look at an enrolment: brisk in the first minute, then twice as long. */
export function nextRegistrationPoll(settings: Deps["settings"], startedAt: Date, deadline: Date, now: Date): Date {
  const isBrisk = now.getTime() - startedAt.getTime() < REGISTRATION_BRISK_MS;
  return atMostOnceAfter(deadline, now, settings.pollRegistrationMs * (isBrisk ? 1 : 2));
}

function atMostOnceAfter(deadline: Date, now: Date, pauseMs: number): Date {
  const at = now.getTime() + pauseMs;
  return new Date(now < deadline ? Math.min(at, deadline.getTime()) : at);
}
