import { allOrNothing, type Inside } from "./all-or-nothing.js";
import type { Deps, Origin } from "./deps.js";
import { needsFreshPassword } from "./enrol.js";
import { hashRecoveryCode, newRecoveryCodes } from "./recovery-code.js";
import type { Session } from "./session.js";
import { hasStepUp, useStepUp } from "./step-up.js";

/** After a phone was added, its first codes need no approval of their own for this long. */
const FIRST_CODES_WITHIN_MS = 15 * 60_000;

/** Whether the session may make a set of recovery codes now. */
export async function mayMakeRecoveryCodes(deps: Deps, session: Session): Promise<boolean> {
  if (await isFirstSet(deps, session)) return true;
  const hasPhone = (await deps.factors.listActive(session.subscriberId)).length > 0;
  return hasPhone && (await hasStepUp(deps, session, "new-recovery-codes"));
}

/**
 * A new set of recovery codes in place of all former ones. It uses the step-up, unless it is the first set of a phone.
 *
 * @returns the codes, to be shown once; null without a phone or an approval.
 */
export async function makeRecoveryCodes(deps: Deps, session: Session, origin: Origin): Promise<string[] | null> {
  const { subscriberId, epoch } = session;
  return allOrNothing(deps, async (inside) => {
    if (!(await inside.subscribers.hold(subscriberId, epoch))) return null;
    if ((await inside.factors.listActive(subscriberId)).length === 0) return null;
    if (!(await isFirstSet(inside, session)) && !(await useStepUp(inside, session, "new-recovery-codes"))) return null;
    const [codes, at] = [newRecoveryCodes(), inside.now()];
    await inside.recoveryCodes.replace(subscriberId, codes.map(hashRecoveryCode), at);
    const event = { subscriberId, kind: "recovery-codes-made", at, origin } as const;
    await inside.audit.record({ ...event, mails: [{ kind: "recovery-codes-made" }] });
    return codes;
  });
}

/** Right after the phone was added, in the session that added it, by whoever typed the password just now. */
async function isFirstSet(
  deps: Pick<Inside, "factors" | "recoveryCodes" | "settings" | "now">,
  session: Session,
): Promise<boolean> {
  const factor = (await deps.factors.listActive(session.subscriberId)).at(-1);
  if (factor === undefined || session.createdAt > factor.createdAt || needsFreshPassword(deps, session)) return false;
  if (deps.now().getTime() - factor.createdAt.getTime() > FIRST_CODES_WITHIN_MS) return false;
  return (await deps.recoveryCodes.countLeft(session.subscriberId)) === 0;
}
