import { announceSettled } from "./announce-settled.js";
import { type Outcome, publicStatus, type SettledHow } from "./challenge.js";
import { type Deps } from "./deps.js";
import { type Witness } from "./watched.js";

export type SettleDeps = Pick<Deps, "challenges" | "transaction" | "feed" | "polls" | "log" | "settings" | "now">;

/**
 * Gives a live challenge its outcome, once, however many witnesses report it.
 * The signed callback, the poller, the clock and the person all end here, in any order and any number of times.
 *
 * @param id - Our challenge id, not the provider's name for it.
 * @returns true for the one caller that changed the state; false when already settled, too late, or unknown.
 * @throws when the database is unreachable; if only the notification failed, the outcome stands.
 * @see https://www.twilio.com/docs/authy/api/push-authentications for the statuses behind Outcome
 */
export async function settleChallenge(
  deps: SettleDeps,
  id: string,
  outcome: Outcome,
  by: Witness,
  how: SettledHow = {},
): Promise<boolean> {
  const won =
    outcome === "denied"
      ? await settleDenied(deps, id, by, how)
      : await deps.challenges.settle(id, outcome, by, deps.now(), how);
  if (!won) return false;
  await announceSettled(deps, { id, kind: "approval", status: publicStatus(outcome) }, by);
  return true;
}

/** A denial is shown to the owner and pauses requests from browsers that the owner never used, in the same step. */
async function settleDenied(
  { transaction, settings, now }: SettleDeps,
  id: string,
  by: Witness,
  how: SettledHow,
): Promise<boolean> {
  return transaction(async (rows) => {
    const at = now();
    if (!(await rows.challenges.settle(id, "denied", by, at, how))) return false;
    const challenge = await rows.challenges.find(id);
    const attempt = challenge === null ? null : await rows.attempts.find(challenge.attemptId);
    if (challenge === null || attempt === null) return true;
    const { subscriberId, isKnownBrowser } = challenge;
    if (!isKnownBrowser)
      await rows.subscribers.freezePushes(subscriberId, new Date(at.getTime() + settings.pushFreezeSeconds * 1000));
    await rows.audit.record({ subscriberId, kind: "sign-in-denied", at, origin: attempt, detail: attempt.purpose });
    return true;
  });
}
