import { isLive } from "./challenge.js";
import type { Deps } from "./deps.js";
import type { ActiveKey } from "./phone-key.js";
import { reportNotMe } from "./report-not-me.js";
import { settleChallenge } from "./settle-challenge.js";
import { showRequest, type ShownRequest } from "./shown-request.js";

/** After a denial the same phone may still say for so long that it was somebody else. */
const NOT_ME_AFTER_DENIAL_MS = 10 * 60_000;

/** An answer of a phone, of which nothing is believed yet. */
export interface PhoneNotice {
  readonly challengeId: string;
  readonly keyHash: string;
  readonly decision: "approve" | "deny" | "not-me";
  /** Whether this key signed this decision about the request as we know it. */
  isSigned(key: ActiveKey, shown: ShownRequest): boolean;
  /** Whether the phone's owner unlocked it for this very answer. */
  isUnlocked(credential: NonNullable<ActiveKey["credential"]>): Promise<boolean>;
}

/** What became of an answer. The last three are refused; whatever else is taken, though it may change nothing. */
export type PhoneReceived =
  "settled" | "settled-before" | "reported" | "unknown" | "foreign-key" | "bad-signature" | "not-unlocked";

/**
 * Acts on the answer of a phone of our own. It settles the challenge, and signs nobody in: the browser that asked spends
 * the approval. `not-me` denies and reports in one; it also follows a denial by the same phone.
 *
 * @throws when the database cannot be reached: then nothing was changed and the phone may send it again.
 */
export async function receivePhoneAnswer(deps: Deps, notice: PhoneNotice): Promise<PhoneReceived> {
  const { challengeId, keyHash, decision } = notice;
  const asked = await deps.phoneKeys.findAsked(challengeId, keyHash);
  if (asked === null) return "unknown";
  const { challenge, key } = asked;
  if (key === null) return "foreign-key";
  const shown = await showRequest(deps, asked);
  if (shown === null || !notice.isSigned(key, shown)) return "bad-signature";
  // PH8: the factor asks for it, not the phone, which could leave it out.
  if (decision === "approve" && key.credential !== null && !(await notice.isUnlocked(key.credential)))
    return "not-unlocked";
  if (challenge.state === "creating") await deps.challenges.confirmSent(challengeId, { ref: challengeId }, null);
  const outcome = decision === "approve" ? "approved" : "denied";
  const isSettled =
    isLive(challenge.state) &&
    (await settleChallenge(deps, challengeId, outcome, "callback", { answeredBy: key.factorId }));
  if (decision !== "not-me") return isSettled ? "settled" : "settled-before";
  return (await reportOnce(deps, challengeId, key)) ? "reported" : "settled-before";
}

/** Reports what this very phone has denied just now, however often it says so. */
async function reportOnce(deps: Deps, challengeId: string, { factorId }: ActiveKey): Promise<boolean> {
  const challenge = await deps.challenges.find(challengeId);
  const attempt = challenge === null ? null : await deps.attempts.find(challenge.attemptId);
  if (challenge?.state !== "denied" || challenge.answeredBy !== factorId || attempt === null) return false;
  const now = deps.now();
  if (challenge.settledAt === null || now.getTime() - challenge.settledAt.getTime() > NOT_ME_AFTER_DENIAL_MS)
    return false;
  return reportNotMe(deps, attempt, (rows) => rows.challenges.noteReported(challengeId, now));
}
