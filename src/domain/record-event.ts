import { type AuditKind } from "./audit.js";
import { type Origin, type Rows } from "./deps.js";

/**
 * Writes one line of an account's history. It belongs into the transaction of the change that it tells of: neither stands
 * without the other.
 *
 * @param event.detail - A short word on how: a witness, a way in, a purpose. Never a secret.
 */
export async function recordEvent(
  { audit }: Pick<Rows, "audit">,
  event: { subscriberId: string; kind: AuditKind; at: Date; origin: Origin; detail?: string },
): Promise<void> {
  const { subscriberId, kind, at, detail = "" } = event;
  const { address, browserLabel } = event.origin;
  await audit.record({ subscriberId, kind, at, address, browserLabel, detail });
}
