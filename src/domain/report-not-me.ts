import { allOrNothing } from "./all-or-nothing.js";
import { cancelPushesOf } from "./cancel-attempts.js";
import { takeBack } from "./close-account.js";
import type { Deps, Origin, Rows } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import { findLink } from "./find-link.js";

/** What is reported: an attempt, or what a notice told of. */
export interface Reported extends Origin {
  readonly subscriberId: string;
  readonly purpose: string;
}

/**
 * "This was not me": ends every attempt and session of the account, pauses requests from unknown browsers, and asks for
 * a new password at the next sign-in.
 *
 * @param isFirst - Asked in the same transaction: whoever may report only once says here whether this is the one time.
 * @returns false when it was not.
 */
export async function reportNotMe(
  deps: Deps,
  reported: Reported,
  isFirst: (rows: Rows) => Promise<boolean> = () => Promise.resolve(true),
): Promise<boolean> {
  const { subscriberId, purpose } = reported;
  const isDone = await allOrNothing(deps, async (rows) => {
    const at = deps.now();
    const frozenUntil = new Date(at.getTime() + deps.settings.pushFreezeSeconds * 1000);
    // The account is locked first, as everywhere.
    await rows.subscribers.raiseAlarm(subscriberId, frozenUntil);
    if (!(await isFirst(rows))) return null;
    await takeBack(rows, subscriberId, reported);
    await endAttemptsOfSubscriber(rows, subscriberId, at);
    await rows.audit.record({ subscriberId, kind: "not-me", at, origin: reported, detail: purpose });
    return true;
  });
  if (isDone === null) return false;
  await cancelPushesOf(deps, subscriberId);
  return true;
}

/** The same by the link in a notice. @returns false when the link opens nothing. */
export async function reportByLink(deps: Deps, token: string, origin: Origin): Promise<boolean> {
  const open = await findLink(deps, "not-me", token);
  if (open === null) return false;
  const { subscriberId, mailId } = open.link;
  return reportNotMe(deps, { ...origin, subscriberId, purpose: "notice" }, (rows) =>
    rows.links.use(mailId, deps.now()),
  );
}
