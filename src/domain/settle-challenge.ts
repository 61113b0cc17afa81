import { type Outcome, publicStatus, type PushFailure, type Witness } from "./challenge.js";
import { type Deps } from "./deps.js";

export type SettleDeps = Pick<
  Deps,
  "challenges" | "attempts" | "subscribers" | "audit" | "feed" | "polls" | "log" | "settings" | "now"
>;

/**
 * Gives a live challenge its outcome, once, however many witnesses report it.
 * The signed callback, the poller, the clock and the person all end here, in any order and any number of times.
 *
 * @param id - Our challenge id, not Authy's approval request uuid.
 * @returns true for the one caller that changed the state; false when already settled, too late, or unknown.
 * @throws when the database is unreachable; if only the bell failed, the outcome stands.
 * @see https://www.twilio.com/docs/authy/api/push-authentications for the statuses behind Outcome
 */
export async function settleChallenge(
  deps: SettleDeps,
  id: string,
  outcome: Outcome,
  by: Witness,
  failure?: PushFailure,
): Promise<boolean> {
  const won = await deps.challenges.settle(id, outcome, by, deps.now(), failure);
  if (!won) return false;
  deps.log.info({ challengeId: id, kind: "approval", status: publicStatus(outcome), by }, "challenge settled");
  if (outcome === "denied") await rememberDenial(deps, id);
  await deps.feed.publish(id); // after the write: whoever hears it can already read it
  if (by !== "poll") await deps.polls.forget(id);
  return true;
}

/** A denial this old should have been noted, and one this much older is left as it is: the owner may have ended the pause. */
const NOTED_WITHIN_MS = 3000;
const REPAIRED_WITHIN_MS = 20_000;

/** Notes denials from unknown browsers that were settled by somebody who died, or lost the database, right afterwards. */
export async function repairDenials(deps: SettleDeps): Promise<void> {
  const now = deps.now().getTime();
  const [from, to] = [new Date(now - REPAIRED_WITHIN_MS), new Date(now - NOTED_WITHIN_MS)];
  for (const { id, subscriberId, settledAt } of await deps.challenges.findDeniedByStrangers(from, to)) {
    const frozenUntil = (await deps.subscribers.find(subscriberId))?.pushFrozenUntil;
    if (settledAt !== null && (frozenUntil ?? from) < settledAt) await rememberDenial(deps, id);
  }
}

/** A denial is shown to the owner and pauses requests from browsers that the owner never used. */
async function rememberDenial(deps: SettleDeps, id: string): Promise<void> {
  const challenge = await deps.challenges.find(id);
  const attempt = challenge === null ? null : await deps.attempts.find(challenge.attemptId);
  if (challenge === null || attempt === null) return;
  if (!challenge.isKnownBrowser)
    await deps.subscribers.freezePushes(
      challenge.subscriberId,
      new Date(deps.now().getTime() + deps.settings.pushFreezeSeconds * 1000),
    );
  await deps.audit.record({
    subscriberId: challenge.subscriberId,
    kind: "sign-in-denied",
    at: deps.now(),
    address: attempt.address,
    browserLabel: attempt.browserLabel,
    detail: attempt.purpose,
  });
}
