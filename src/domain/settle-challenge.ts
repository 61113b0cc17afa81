import { announceSettled, logSettled } from "./announce-settled.js";
import { type Outcome, type ProvidersWord, publicStatus, type SettledChallenge, type SettledHow } from "./challenge.js";
import type { Deps, Rows } from "./deps.js";
import type { LiveStatus, Witness } from "./watched.js";

export type SettleDeps = Pick<
  Deps,
  "challenges" | "transaction" | "feed" | "polls" | "log" | "settings" | "tally" | "traces" | "now"
>;

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
  const status = await settle(deps, outcome, by, ({ challenges }, at) => challenges.settle(id, outcome, by, at, how));
  if (status !== null) logSettled(deps.log, status, by);
  return status !== null;
}

/**
 * The same for a verified callback, which names the request as the provider does: one statement finds the challenge and
 * settles it. Nothing is logged, for the callback has a line of its own.
 *
 * @returns what was settled; null when nothing was.
 */
export function settleByCallback(deps: SettleDeps, word: ProvidersWord): Promise<LiveStatus | null> {
  return settle(deps, word.status, "callback", ({ challenges }, at) => challenges.settleByRef(word, at));
}

type Write = (rows: Pick<Rows, "challenges">, at: Date) => Promise<SettledChallenge | null>;

async function settle(deps: SettleDeps, outcome: Outcome, by: Witness, write: Write): Promise<LiveStatus | null> {
  const from = performance.now();
  const settled = outcome === "denied" ? await settleDenied(deps, write) : await write(deps, deps.now());
  if (settled === null) return null;
  const { id, attemptId, version, factorType, createdAt, expiresAt } = settled;
  const status: LiveStatus = { id, kind: "approval", status: publicStatus(outcome), version, expiresAt };
  announceSettled(deps, status, by);
  deps.traces?.span(attemptId, `settle:${by}`, from, outcome);
  deps.tally.settled(factorType, outcome, by, deps.now().getTime() - createdAt.getTime());
  return status;
}

/** A denial is shown to the owner and pauses requests from browsers that the owner never used, in the same step. */
async function settleDenied(
  { transaction, settings, tally, now }: SettleDeps,
  write: Write,
): Promise<SettledChallenge | null> {
  const denied = await transaction(async (rows) => {
    const at = now();
    const settled = await write(rows, at);
    const attempt = settled === null ? null : await rows.attempts.find(settled.attemptId);
    if (settled === null || attempt === null) return { settled, ofSignIn: null };
    const { subscriberId, isKnownBrowser } = settled;
    if (!isKnownBrowser)
      await rows.subscribers.freezePushes(subscriberId, new Date(at.getTime() + settings.pushFreezeSeconds * 1000));
    await rows.audit.record({
      ...{ subscriberId, kind: "sign-in-denied", at, origin: attempt, detail: attempt.purpose },
      // Whoever has the password can cause these at will.
      mails: isKnownBrowser ? [] : [{ kind: "request-denied", notWithinSeconds: 3600 }],
    });
    return { settled, ofSignIn: attempt.purpose === "sign-in" ? await rows.challenges.find(settled.id) : null };
  });
  if (denied.ofSignIn !== null) tally.signIn(denied.ofSignIn.factorType, "denied");
  return denied.settled;
}
