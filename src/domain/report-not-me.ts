import { allOrNothing } from "./all-or-nothing.js";
import { type Attempt } from "./attempt.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { type Deps, type Rows } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";

/**
 * "This was not me": ends every attempt and session of the account, pauses requests from unknown browsers, and asks for
 * a new password at the next sign-in.
 *
 * @param isFirst - Asked in the same transaction: whoever may report only once says here whether this is the one time.
 * @returns false when it was not.
 */
export async function reportNotMe(
  deps: Deps,
  attempt: Attempt,
  isFirst: (rows: Rows) => Promise<boolean> = () => Promise.resolve(true),
): Promise<boolean> {
  const { subscriberId, purpose } = attempt;
  const reported = await allOrNothing(deps, async (rows) => {
    const at = deps.now();
    const frozenUntil = new Date(at.getTime() + deps.settings.pushFreezeSeconds * 1000);
    // The account is locked first, as everywhere.
    await rows.subscribers.raiseAlarm(subscriberId, frozenUntil);
    if (!(await isFirst(rows))) return null;
    await endAttemptsOfSubscriber(rows, subscriberId, at);
    await rows.audit.record({ subscriberId, kind: "not-me", at, origin: attempt, detail: purpose });
    return true;
  });
  if (reported === null) return false;
  await cancelPushesOf(deps, subscriberId);
  return true;
}
