import { type Attempt } from "./attempt.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { type Deps } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";

/**
 * "This was not me": ends every attempt and session of the account, pauses requests from unknown browsers, and asks for
 * a new password at the next sign-in.
 */
export async function reportNotMe(deps: Deps, attempt: Attempt): Promise<void> {
  const { subscriberId, purpose } = attempt;
  await deps.transaction(async (rows) => {
    const at = deps.now();
    const frozenUntil = new Date(at.getTime() + deps.settings.pushFreezeSeconds * 1000);
    await rows.subscribers.raiseAlarm(subscriberId, frozenUntil);
    await endAttemptsOfSubscriber(rows, subscriberId, at);
    await rows.audit.record({ subscriberId, kind: "not-me", at, origin: attempt, detail: purpose });
  });
  await cancelPushesOf(deps, subscriberId);
}
