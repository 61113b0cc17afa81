import { isLive } from "./challenge.js";
import type { Deps } from "./deps.js";
import type { Unreached } from "./factor-provider.js";
import { shownRequest } from "./shown-request.js";

/** The last pause comes again and again. */
const PAUSES_SECONDS = [2, 5, 10] as const;
/** Nobody answers in less than that what rings only now. */
const TOO_LATE_MS = 5000;

/**
 * When a factor that could not be reached is asked again.
 *
 * @param tries - How often it was asked already, 1 or more.
 * @returns null when the request is over before.
 */
export function nextRing(tries: number, { afterSeconds }: Unreached, expiresAt: Date, now: Date): Date | null {
  const pause = afterSeconds ?? PAUSES_SECONDS[tries - 1] ?? PAUSES_SECONDS[2];
  const at = new Date(now.getTime() + pause * 1000);
  return at.getTime() <= expiresAt.getTime() - TOO_LATE_MS ? at : null;
}

/**
 * Asks one factor once more about a challenge that still waits. Nothing depends on it: the request stands all the same, and
 * is shown to whoever looks.
 *
 * @param tries - How often it was asked already, 1 or more.
 * @returns when to ask again; null when there is nothing more to do.
 */
export async function ringAgain(
  deps: Deps,
  challengeId: string,
  factorId: string,
  tries: number,
): Promise<Date | null> {
  const [challenge, factor] = [await deps.challenges.find(challengeId), await deps.factors.find(factorId)];
  if (challenge === null || !isLive(challenge.state) || factor?.state !== "active") return null;
  const asks = deps.providers[factor.type]?.asks;
  const shown = await shownRequest(deps, challenge);
  const secondsToExpire = (challenge.expiresAt.getTime() - deps.now().getTime()) / 1000;
  if (asks === undefined || shown === null || secondsToExpire * 1000 < TOO_LATE_MS) return null;
  const { message, details } = shown;
  const push = { challengeId, message, details: Object.fromEntries(details), secondsToExpire };
  const { reach, unreached = [] } = await asks.send([factor], push);
  if (reach === "ringing") await deps.challenges.noteRinging(challengeId);
  const [left] = unreached;
  return left === undefined ? null : nextRing(tries + 1, left, challenge.expiresAt, deps.now());
}
