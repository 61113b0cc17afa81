import type { Deps, Notifications } from "../domain/deps.js";
import { EXPIRY_GRACE_MS } from "../domain/watched.js";
import { WATCHED, type WatchedDeps } from "../domain/watched-kinds.js";
import { type StreamHub, streamHub, type StreamLimits } from "./stream-hub.js";

/** The event streams of this process over the rows of every kind. What was not answered in time ends here, too. */
export function eventStreams(
  deps: WatchedDeps & Pick<Deps, "sessions" | "now">,
  notifications: Notifications,
  settings: { readonly limits: StreamLimits; readonly streamRereadMs: number; readonly streamHeartbeatMs: number },
): StreamHub {
  return streamHub(
    {
      notifications,
      now: () => deps.now(),
      readStatuses: (kind, ids) => WATCHED[kind].rows(deps).statuses(ids),
      readChanged: (kind, ids) => WATCHED[kind].rows(deps).changed(ids, deps.now()),
      livingSessions: (ids) => deps.sessions.living(ids, deps.now()),
      onOverdue: ({ kind, id }) => {
        WATCHED[kind].expire(deps, id, "clock").catch(() => undefined); // the next round tries again
      },
    },
    settings.limits,
    { rereadMs: settings.streamRereadMs, heartbeatMs: settings.streamHeartbeatMs, overdueMs: EXPIRY_GRACE_MS },
  );
}
