import type { Attempt } from "./attempt.js";
import type { Deps, Origin, Rows } from "./deps.js";
import { endAttempt } from "./end-attempts.js";
import type { Session } from "./session.js";
import { settleChallenge } from "./settle-challenge.js";

/** What a browser that signs out may still hold. */
export interface LeavingBrowser {
  readonly session: Session | null;
  /** The attempts whose keys it brought, in whatever state. */
  readonly attempts: readonly Attempt[];
  readonly visitHash: string;
  readonly origin: Origin;
}

/**
 * Ends all that could sign this browser in: its session, the attempts whose keys it holds with the sessions that these
 * opened, since the reply with such a session may be on its way, and what waits on the phone.
 */
export async function signOut(deps: Deps, { session, attempts, visitHash, origin }: LeavingBrowser): Promise<void> {
  // Two tabs may have crossed: then what waits on the phone is not what the cookie names.
  const live = await deps.challenges.findLiveOfBrowser(visitHash);
  const attemptIds = new Set(attempts.map(({ id }) => id));
  if (live !== null) attemptIds.add(live.attemptId);
  await deps.transaction(async (rows) => {
    const at = deps.now();
    // Attempts first: one that is being finished right now has opened its session once this returns.
    for (const id of attemptIds) {
      const attempt = await rows.attempts.find(id);
      if (attempt !== null) await endAttempt(rows, attempt, "signed-out", at);
    }
    if (session !== null) {
      for (const stepUp of await rows.attempts.findOpenOfSession(session.id))
        await endAttempt(rows, stepUp, "signed-out", at);
      await rows.attempts.endAllOfSession(session.id);
    }
    for (const id of attemptIds) {
      const opened = await rows.sessions.findOfAttempt(id, at);
      if (opened !== null) await endSignIn(rows, opened, at);
    }
    if (session === null) return;
    await endSignIn(rows, session, at);
    await rows.audit.record({ subscriberId: session.subscriberId, kind: "signed-out", at, origin });
  });
  if (live !== null) await settleChallenge(deps, live.id, "cancelled", "person");
}

/** Ends a session, with a notice for each application that wants to be told. @returns false when it had ended before. */
async function endSignIn(
  { sessions, logoutNotices }: Pick<Rows, "sessions" | "logoutNotices">,
  { subscriberId, id }: Pick<Session, "subscriberId" | "id">,
  at: Date,
): Promise<boolean> {
  if (!(await sessions.end(subscriberId, id, at))) return false;
  await logoutNotices.writeForSession(id, at);
  return true;
}

/** Ends one session of the account. @returns false when it has none of that id that lives. */
export async function endSession(deps: Deps, subscriberId: string, id: string, origin: Origin): Promise<boolean> {
  return deps.transaction(async (rows) => {
    const at = deps.now();
    if (!(await endSignIn(rows, { subscriberId, id }, at))) return false;
    await rows.audit.record({ subscriberId, kind: "session-ended", at, origin, detail: "one" });
    return true;
  });
}

/** Ends all sessions of the account but one. @returns how many lived. */
export async function endOtherSessions(deps: Deps, { subscriberId, id }: Session, origin: Origin): Promise<number> {
  return deps.transaction(async (rows) => {
    const at = deps.now();
    await rows.logoutNotices.writeForOthers(subscriberId, id, at);
    const ended = await rows.sessions.endOthers(subscriberId, id, at);
    await rows.audit.record({ subscriberId, kind: "session-ended", at, origin, detail: "others" });
    return ended.length;
  });
}
