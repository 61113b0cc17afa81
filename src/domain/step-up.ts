import type { StepUpAction } from "./attempt.js";
import type { Deps } from "./deps.js";
import { mayMove } from "./move-from-authy.js";
import type { Session } from "./session.js";
import { type AttemptBrowser, startAttempt } from "./start-challenge.js";
import type { Subscriber } from "./subscriber.js";

/**
 * Asks for a second factor for one sensitive act of a signed-in person. A push names the act, and its approval opens nothing
 * else.
 *
 * @param about - The id of the factor that is to be removed, the name of the type that is to be added, or the device code that
 *   is to be agreed to; else empty.
 * @param application - The name of the application that it is for.
 * @returns the secret with which this browser proves later that it asked; null when there is no factor, or not that one.
 */
export async function startStepUp(
  deps: Deps,
  action: StepUpAction,
  session: Session,
  subscriber: Subscriber,
  browser: AttemptBrowser,
  about = "",
  application: string | null = null,
): Promise<string | null> {
  const factors = await deps.factors.listActive(subscriber.id);
  const isThere = action !== "remove-factor" || factors.some(({ id }) => id === about);
  if (factors.length === 0 || !isThere || (action === "move-from-authy" && !mayMove(deps, factors))) return null;
  const request = { purpose: action, sessionId: session.id, next: about, remember: false, application };
  return startAttempt(deps, subscriber, factors, browser, request, ({ createdAt }) => createdAt >= browser.arrivedAt);
}

/** The step-up of a session that may be used now, without using it. */
export async function hasStepUp(
  { attempts, settings, now }: Pick<Deps, "attempts" | "settings" | "now">,
  session: Session,
  action: StepUpAction,
  about = "",
): Promise<boolean> {
  return attempts.hasGrant(session.id, action, about, new Date(now().getTime() - settings.stepUpTtlSeconds * 1000));
}

/** Uses the step-up: true once, for the act that it names, within its life. */
export async function useStepUp(
  { attempts, settings, now }: Pick<Deps, "attempts" | "settings" | "now">,
  session: Session,
  action: StepUpAction,
  about = "",
): Promise<boolean> {
  return attempts.useGrant(session.id, action, about, new Date(now().getTime() - settings.stepUpTtlSeconds * 1000));
}
