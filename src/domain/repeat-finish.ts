import { allOrNothing } from "./all-or-nothing.js";
import { type Attempt } from "./attempt.js";
import { type Deps } from "./deps.js";
import { renewSession, type SessionBrowser, type SignedIn } from "./open-session.js";
import { spendableSince } from "./proof.js";
import { type Session } from "./session.js";

/**
 * The session that an attempt's proof opened or renewed, as long as the attempt's browser may ask for it again: the reply
 * may have been lost, or have crossed with another tab's. Null once the session was ended, or the account has moved on.
 */
export async function sessionToRepeat(
  deps: Pick<Deps, "attempts" | "challenges" | "sessions" | "settings" | "now">,
  attemptId: string,
): Promise<Session | null> {
  const attempt = await deps.attempts.find(attemptId);
  if (attempt?.state !== "finished" && attempt?.state !== "granted") return null;
  // The release before noted the time of a sign-in at its approval alone.
  const spentAt = attempt.spentAt ?? (await deps.challenges.findDecisive(attemptId))?.consumedAt ?? null;
  if (spentAt === null || spentAt <= spendableSince(deps)) return null;
  const session = await deps.sessions.findOfAttempt(attemptId, deps.now());
  return session?.epoch === attempt.epoch ? session : null;
}

/** Gives that session another key, which ends the key of the reply before. @returns null when nothing may be repeated. */
export async function repeatFinish(deps: Deps, attempt: Attempt, browser: SessionBrowser): Promise<SignedIn | null> {
  return allOrNothing(deps, async (inside) => {
    const session = await sessionToRepeat(inside, attempt.id);
    return session && renewSession(inside, session, { epoch: session.epoch }, {}, browser);
  });
}
