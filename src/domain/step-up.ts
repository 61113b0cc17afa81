import { type StepUpAction } from "./attempt.js";
import { type Deps } from "./deps.js";
import { type Session } from "./session.js";
import { type AttemptBrowser, startAttempt } from "./start-challenge.js";
import { type Subscriber } from "./subscriber.js";

/**
 * Asks for a second factor for one sensitive act of a signed-in person. A push names the act, and its approval opens nothing
 * else.
 *
 * @returns the secret with which this browser proves later that it asked; null when no factor is enrolled.
 */
export async function startStepUp(
  deps: Deps,
  action: StepUpAction,
  session: Session,
  subscriber: Subscriber,
  browser: AttemptBrowser & { arrivedAt: Date },
): Promise<string | null> {
  const factors = await deps.factors.listActive(subscriber.id);
  if (factors.length === 0) return null;
  const request = { purpose: action, sessionId: session.id, next: "", remember: false };
  return startAttempt(deps, subscriber, factors, browser, request, ({ createdAt }) => createdAt >= browser.arrivedAt);
}

/** The step-up of a session that may be used now, without using it. */
export async function hasStepUp(
  { attempts, settings, now }: Pick<Deps, "attempts" | "settings" | "now">,
  session: Session,
  action: StepUpAction,
): Promise<boolean> {
  return attempts.hasGrant(session.id, action, new Date(now().getTime() - settings.stepUpTtlSeconds * 1000));
}

/** Uses the step-up: true once, for the act that it names, within its life. */
export async function useStepUp(
  { attempts, settings, now }: Pick<Deps, "attempts" | "settings" | "now">,
  session: Session,
  action: StepUpAction,
): Promise<boolean> {
  return attempts.useGrant(session.id, action, new Date(now().getTime() - settings.stepUpTtlSeconds * 1000));
}
