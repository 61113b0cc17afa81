import { type Enrolments, enrolmentStatus } from "../domain/enrolment.js";
import { type EnrolmentRow, type RowSource } from "./schema.js";
import { unlessTaken } from "./errors.js";
import { watchedRows } from "./watched.js";

const SESSION_LIVES = `EXISTS (
  SELECT 1 FROM sessions s JOIN subscribers u ON u.id = s.subscriber_id
  WHERE s.id = enrolments.session_id AND s.ended_at IS NULL AND s.idle_until > :now AND s.expires_at > :now
    AND s.epoch = u.epoch AND u.epoch = enrolments.epoch)`;

/** The enrolments, in the database. */
export function enrolments(database: RowSource): Enrolments {
  const rows = database.getRepository<EnrolmentRow>("enrolment");
  return {
    ...watchedRows(database, "enrolment", ["pending"] as const, enrolmentStatus),
    async insert(enrolment) {
      const row = { ...enrolment, version: 1, settledAt: null, settledBy: null, leaseUntil: null };
      return unlessTaken(rows.insert(row).then(() => true));
    },
    find: (id) => rows.findOneBy({ id }),
    findLatestOfSession: (sessionId) => rows.findOne({ where: { sessionId }, order: { createdAt: "DESC" } }),
    findPendingOfSubscriber: (subscriberId) => rows.findBy({ subscriberId, state: "pending" }),
    async end(id, state, by, now) {
      const { affected } = await rows.update(
        { id, state: "pending" },
        { state, version: 2, settledAt: now, settledBy: by },
      );
      return affected === 1;
    },
    async complete(id, by, now) {
      const { affected } = await rows
        .createQueryBuilder()
        .update()
        .set({ state: "completed", version: 2, settledAt: now, settledBy: by })
        .where("id = :id AND state = 'pending'", { id })
        .andWhere(SESSION_LIVES, { now })
        .execute();
      return affected === 1;
    },
  };
}
