import type { Deps } from "../src/domain/deps.js";
import { nextNoticeTry } from "../src/domain/logout-notice.js";

const AT_ONCE = 20;

/** Signs a notice and gives it to its client. @returns false where the client did not take it. */
export type SendNotice = (notice: {
  readonly clientId: string;
  readonly subscriberId: string;
  readonly signInId: string | null;
}) => Promise<boolean>;

/**
 * Sends the notices that are due, each by one worker at a time: a try is counted before it is made, so a worker that dies over
 * it costs one try.
 */
export function sendLogoutNotices(
  { logoutNotices, log, now }: Pick<Deps, "logoutNotices" | "log" | "now">,
  send: SendNotice,
): () => Promise<void> {
  return async function sendDue() {
    const due = await logoutNotices.findDue(now(), AT_ONCE);
    await Promise.all(
      due.map(async (notice) => {
        const next = nextNoticeTry(notice.tries + 1, now());
        if (!(await logoutNotices.claim(notice, next))) return;
        const isTaken = await send(notice);
        if (isTaken) await logoutNotices.settle(notice.id, "sent");
        else if (next === null) {
          await logoutNotices.settle(notice.id, "failed");
          log.warn(
            { clientId: notice.clientId },
            "an application was not told of a sign-out: it did not take the notice",
          );
        }
      }),
    );
  };
}
