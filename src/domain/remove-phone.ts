import { type Inside } from "./all-or-nothing.js";
import { type Origin } from "./deps.js";
import { recordEvent } from "./record-event.js";

/**
 * Removes the phone of an account with its recovery codes, inside a transaction: every session ends with the account's
 * next epoch. Authy is told later, by the worker.
 *
 * @returns false when the account has no phone.
 */
export async function removePhone(
  { subscribers, factors, recoveryCodes, audit, now }: Inside,
  subscriberId: string,
  origin: Origin,
  detail = "",
): Promise<boolean> {
  const at = now();
  await subscribers.nextEpoch(subscriberId);
  if (!(await factors.remove(subscriberId, at))) return false;
  await recoveryCodes.replace(subscriberId, [], at);
  await recordEvent({ audit }, { subscriberId, kind: "phone-removed", at, origin, detail });
  return true;
}
