import { type Deps, type Origin } from "./deps.js";
import { ProviderRefused } from "./errors.js";
import { type Session } from "./session.js";
import { useStepUp } from "./step-up.js";
import { cancelAllOf } from "./waiting-attempt.js";

/**
 * Removes the phone at once, here; at Authy when it can be reached, else later by the worker.
 *
 * @returns the account's next epoch, which ends all other sessions; null without a step-up or a phone.
 */
export async function disableTwoFactor(deps: Deps, session: Session, origin: Origin): Promise<number | null> {
  if (!(await useStepUp(deps, session, "disable-two-factor"))) return null;
  const epoch = await deps.factors.remove(session.subscriberId, deps.now());
  if (epoch === null) return null;
  await cancelAllOf(deps, session.subscriberId);
  await deps.recoveryCodes.remove(session.subscriberId);
  await deps.audit.record({
    subscriberId: session.subscriberId,
    kind: "phone-removed",
    at: deps.now(),
    ...origin,
    detail: "",
  });
  return epoch;
}

/** Tells Authy about phones that were removed here. Each failure leaves its row for the next round. */
export async function removeForgottenUpstream(
  deps: Pick<Deps, "factors" | "provider" | "log" | "now">,
  limit = 20,
): Promise<void> {
  for (const factor of await deps.factors.findForgotten(limit)) {
    try {
      // The same phone may protect an account again: then Authy must keep it.
      if (!(await deps.factors.isActiveAnywhere(factor.authyId))) await deps.provider.removeUser(factor.authyId);
    } catch (error) {
      if (!(error instanceof ProviderRefused)) {
        deps.log.warn({ factorId: factor.id }, "the phone is not removed at Authy yet");
        return;
      }
    }
    await deps.factors.noteRemovedUpstream(factor.id, deps.now());
  }
}
