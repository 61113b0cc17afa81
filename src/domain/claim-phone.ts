import { allOrNothing } from "./all-or-nothing.js";
import type { Deps } from "./deps.js";
import type { Enrolment } from "./enrolment.js";
import type { ClaimedKey } from "./phone-key.js";
import { hashSecret } from "./secrets.js";

/** The enrolment that a secret opens, for a phone that looks at it. Looking spends nothing. */
export async function findEnrolmentBySecret(
  { phoneKeys, enrolments, now }: Pick<Deps, "phoneKeys" | "enrolments" | "now">,
  secret: string,
): Promise<Enrolment | null> {
  const prepared = await phoneKeys.findBySecret(hashSecret(secret));
  const enrolment = prepared === null ? null : await enrolments.find(prepared.id);
  return enrolment !== null && enrolment.type === "phone" && enrolment.expiresAt > now() ? enrolment : null;
}

/**
 * A phone claims an enrolment for its key, which the asking session has to confirm before anything is active. The first
 * one claims, and so spends the secret.
 *
 * @returns false when another phone came first, or the enrolment is over.
 */
export async function claimPhone(deps: Deps, enrolmentId: string, key: ClaimedKey): Promise<boolean> {
  const claimed = await allOrNothing(deps, async (rows) => {
    if (!(await rows.enrolments.claim(enrolmentId, deps.now()))) return null;
    await rows.phoneKeys.claim(enrolmentId, key);
    return true;
  });
  if (claimed === null) return false;
  deps.feed.changed(enrolmentId);
  return true;
}
