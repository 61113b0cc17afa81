import type { Deps } from "./deps.js";
import type { Factor } from "./factor.js";

/**
 * Forgets a subscription that has ended at its push service, that one alone, and tells its owner in their history: until
 * the phone's page is opened again, nothing rings there.
 *
 * @returns false when it was forgotten or replaced before.
 */
export function endNotifications(
  { transaction, now }: Pick<Deps, "transaction" | "now">,
  { id, subscriberId, label }: Pick<Factor, "id" | "subscriberId" | "label">,
  endpoint: string,
): Promise<boolean> {
  return transaction(async (rows) => {
    if (!(await rows.pushSubscriptions.remove(id, endpoint))) return false;
    const origin = { address: "", browserLabel: "" };
    await rows.audit.record({ subscriberId, kind: "notifications-ended", at: now(), origin, detail: label });
    return true;
  });
}
