import { LessThan, LessThanOrEqual } from "typeorm";

import type { LogoutNotices } from "../domain/logout-notice.js";
import { changedOne } from "./one-row.js";
import type { LogoutNoticeRow, RowSource } from "./schema.js";
import { statement, type Text } from "./statement.js";

/**
 * A client takes part in a sign-in by its grants. A notice is named after the end that it tells of, so that it is written
 * once for each client.
 */
function insertFor(name: string, signIn: string, where: string): Text {
  const text = (now: string): string => `INSERT INTO logout_notices
    (id, client_id, subscriber_id, sign_in_id, state, tries, created_at, next_try_at)
    SELECT DISTINCT ${name} || ' ' || g.client_id, g.client_id, g.subscriber_id, ${signIn}, 'waiting', 0, ${now}, ${now}
    FROM oidc_records g
      JOIN clients c ON c.id = g.client_id AND c.back_channel_uri IS NOT NULL
      JOIN subscribers u ON u.id = g.subscriber_id
    WHERE g.model = 'Grant' AND ${where}
    ON CONFLICT (id) DO NOTHING RETURNING id`;
  return { sqlite: text(":now"), postgres: text("CAST(:now AS timestamptz(3))") };
}

const FOR_SESSION = statement<LogoutNoticeRow>(
  "logoutNotice",
  insertFor(
    "g.sign_in_id",
    "g.sign_in_id",
    "g.sign_in_id = (SELECT s.sign_in_id FROM sessions s WHERE s.id = :sessionId)",
  ),
);

const FOR_SUBSCRIBER = statement<LogoutNoticeRow>(
  "logoutNotice",
  insertFor(
    "g.subscriber_id || ' ' || u.epoch",
    "NULL",
    `g.subscriber_id = :subscriberId AND (g.outlives
      OR EXISTS (SELECT 1 FROM sessions s WHERE s.sign_in_id = g.sign_in_id AND s.ended_at IS NULL))`,
  ),
);

const FOR_OTHERS = statement<LogoutNoticeRow>(
  "logoutNotice",
  insertFor(
    "g.sign_in_id",
    "g.sign_in_id",
    `g.subscriber_id = :subscriberId AND EXISTS (SELECT 1 FROM sessions s
      WHERE s.sign_in_id = g.sign_in_id AND s.id <> :keepSessionId AND s.ended_at IS NULL)`,
  ),
);

/** A worker that runs sends a notice within seconds after it is due. */
const LATE_MS = 60_000;

/** The notices that sign-ins have ended, in the database. */
export function logoutNotices(database: RowSource): LogoutNotices {
  const rows = database.getRepository<LogoutNoticeRow>("logoutNotice");
  return {
    async writeForSession(sessionId, now) {
      await FOR_SESSION(database, { sessionId, now });
    },
    async writeForSubscriber(subscriberId, now) {
      await FOR_SUBSCRIBER(database, { subscriberId, now });
    },
    async writeForOthers(subscriberId, keepSessionId, now) {
      await FOR_OTHERS(database, { subscriberId, keepSessionId, now });
    },
    findDue: (now, limit) =>
      rows.find({ where: { nextTryAt: LessThanOrEqual(now) }, order: { nextTryAt: "ASC" }, take: limit }),
    claim: ({ id, tries }, nextTryAt) =>
      changedOne(rows.update({ id, tries, state: "waiting" }, { tries: tries + 1, nextTryAt })),
    async settle(id, state) {
      await rows.update({ id }, { state, nextTryAt: null });
    },
    countWaiting: () => rows.countBy({ state: "waiting" }),
    countTroubled: async (now) => ({
      failed: await rows.countBy({ state: "failed" }),
      late: await rows.countBy({ state: "waiting", nextTryAt: LessThan(new Date(now.getTime() - LATE_MS)) }),
    }),
  };
}
