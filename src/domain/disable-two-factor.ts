import { allOrNothing } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import type { Deps } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { ProviderRefused } from "./errors.js";
import type { FactorType } from "./factor.js";
import { renewSessionAlone, type SessionBrowser, type SignedIn } from "./open-session.js";
import { removeAllFactors } from "./remove-factors.js";
import type { Session } from "./session.js";
import { PASSWORD_ALONE } from "./sign-in.js";
import { useStepUp } from "./step-up.js";

/**
 * Removes all factors and the recovery codes at once, here; at their providers when these can be reached, by the worker.
 * Every other session ends.
 *
 * @returns the session under its new key, now of level 1; null without a step-up or a factor.
 */
export async function disableTwoFactor(
  deps: Deps,
  session: Session,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const { subscriberId, epoch } = session;
  const renewed = await allOrNothing(deps, async (inside) => {
    if (!(await removeAllFactors(inside, subscriberId, browser))) return null;
    if (!(await useStepUp(inside, session, "disable-two-factor"))) return null;
    await endAttemptsOfSubscriber(inside, subscriberId, inside.now(), session.id);
    return renewSessionAlone(inside, session, { level: 1, methods: PASSWORD_ALONE, epoch: epoch + 1 }, browser);
  });
  if (renewed !== null) await cancelPushesOf(deps, subscriberId);
  return renewed;
}

/** How long a removal rests that the provider refused outright: a wrong key, say, which an operator has to mend. */
const REFUSED_REST_MS = 60_000;
const REMOVALS_AT_ONCE = 200;

/**
 * Tells the providers of factors that were removed here. Each failure leaves its row for a later round: nothing counts as
 * done that the provider did not do.
 */
export function upstreamRemovals(deps: Pick<Deps, "factors" | "providers" | "log" | "now">): () => Promise<void> {
  const types = Object.keys(deps.providers) as FactorType[];
  const restUntil = new Map<string, number>();
  return async function removeForgotten() {
    for (const factor of await deps.factors.findForgotten(types, REMOVALS_AT_ONCE)) {
      if ((restUntil.get(factor.id) ?? 0) > deps.now().getTime()) continue;
      try {
        // The same phone may protect an account again: then the provider must keep it.
        if (!(await deps.factors.isActiveAnywhere(factor.type, factor.providerId)))
          await deps.providers[factor.type]?.remove?.(factor);
      } catch (error) {
        const isRefused = error instanceof ProviderRefused;
        deps.log.warn({ factorId: factor.id, isRefused }, "the phone is not removed at the provider yet");
        if (!isRefused) return; // the provider is away: the others would fare no better
        restUntil.set(factor.id, deps.now().getTime() + REFUSED_REST_MS);
        continue;
      }
      restUntil.delete(factor.id);
      await deps.factors.noteRemovedUpstream(factor.id, deps.now());
    }
  };
}
