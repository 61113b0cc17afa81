import type { Inside } from "./all-or-nothing.js";
import { factorDetail } from "./audit.js";
import type { Origin } from "./deps.js";
import type { Factor } from "./factor.js";

/**
 * Removes all factors of an account with its recovery codes, inside a transaction: every session ends with the account's
 * next epoch. The worker removes them at their providers later.
 *
 * @returns false when the account has none.
 */
export async function removeAllFactors(
  { subscribers, factors, recoveryCodes, audit, now }: Inside,
  subscriberId: string,
  origin: Origin,
  detail = "",
): Promise<boolean> {
  const at = now();
  // First, since it locks the account: nothing is added or removed beside it.
  await subscribers.nextEpoch(subscriberId);
  const active = await factors.listActive(subscriberId);
  if (active.length === 0) return false;
  await recoveryCodes.replace(subscriberId, [], at);
  for (const factor of active) await removeInHistory({ factors, audit }, factor, at, origin, detail);
  return true;
}

/** Removes one factor, with a line in its owner's history. */
export async function removeInHistory(
  { factors, audit }: Pick<Inside, "factors" | "audit">,
  { id, subscriberId, type }: Factor,
  at: Date,
  origin: Origin,
  detail: string,
): Promise<void> {
  await factors.remove(id, at);
  await audit.record({
    ...{ subscriberId, kind: "phone-removed", at, origin },
    detail: factorDetail(type, detail),
    mails: [{ kind: "factor-removed" }],
  });
}
