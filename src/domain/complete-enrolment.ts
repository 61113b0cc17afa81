import { factorDetail } from "./audit.js";
import type { Deps } from "./deps.js";
import type { Completed } from "./factor-provider.js";
import type { Witness } from "./watched.js";

/** Undoes a completion; the enrolment ends this way instead. */
class Undone extends Error {
  constructor(readonly end: "conflict" | "cancelled") {
    super(end);
  }
}

/**
 * Binds a factor to its account, in one transaction with everything that follows from it: the one that it
 * replaces is removed, the owner finds it in the history, and every session but the enrolling one ends with the
 * account's next epoch. Browsers that were first seen while it was being added came in with the password alone,
 * so they are forgotten.
 *
 * @returns how it ended: `conflict` where it protects another account, `cancelled` where the session that asked
 * has ended or its account has moved on since; null when somebody else settled it first.
 */
export async function completeEnrolment(
  deps: Pick<Deps, "enrolments" | "transaction" | "now">,
  id: string,
  { providerId, label = "", spend }: Omit<Completed, "state">,
  by: Witness,
): Promise<"completed" | "conflict" | "cancelled" | null> {
  const now = deps.now();
  try {
    return await deps.transaction(async (rows) => {
      const { enrolments, factors, browsers, audit, subscribers, sessions } = rows;
      const isCompleted = await enrolments.complete(id, by, now);
      const enrolment = await enrolments.find(id);
      if (!isCompleted || enrolment === null) throw new Undone("cancelled");
      const { subscriberId, sessionId, epoch, type, replacesFactor, createdAt } = enrolment;
      // The password may have been changed since the first statement. The account comes before its session and its factors, as
      // wherever it is locked: in another order two transactions could wait for each other.
      if (!(await subscribers.nextEpoch(subscriberId, epoch))) throw new Undone("cancelled");
      await sessions.raiseEpoch(sessionId);
      await rows.logoutNotices.writeForOthers(subscriberId, sessionId, now);
      const replaced = replacesFactor
        ? (await factors.listActive(subscriberId)).filter((factor) => factor.type === "authy-push")
        : [];
      const replacesId = type === "authy-push" ? null : (replaced[0]?.id ?? null);
      if (replacesId === null) for (const factor of replaced) await factors.remove(factor.id, now);
      const isFree = await factors.insert({ id, subscriberId, type, providerId, label, replacesId, createdAt: now });
      if (!isFree) throw new Undone("conflict");
      if (replacesId !== null) await factors.prefer(subscriberId, id);
      if ((await spend?.(rows)) === false) throw new Undone("cancelled");
      await browsers.forgetSeenSince(subscriberId, createdAt);
      const asked = (await sessions.list(subscriberId, now)).find(({ id }) => id === sessionId);
      const origin = asked ?? { address: "", browserLabel: "" };
      await audit.record({
        ...{ subscriberId, kind: "phone-enrolled", at: now, origin },
        detail: factorDetail(type, type === "authy-push" ? by : ""),
        mails: [{ kind: replacesFactor ? "factor-replaced" : "factor-added" }],
      });
      return "completed" as const;
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
    return (await deps.enrolments.end(id, error.end, by, now)) ? error.end : null;
  }
}
