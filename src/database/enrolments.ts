import { In } from "typeorm";

import { type Enrolments, type EnrolmentState, enrolmentStatus } from "../domain/enrolment.js";
import { type EnrolmentRow, type RowSource } from "./schema.js";
import { unlessTaken } from "./errors.js";
import { watchedRows } from "./watched.js";

const SESSION_LIVES = `EXISTS (
  SELECT 1 FROM sessions s JOIN subscribers u ON u.id = s.subscriber_id
  WHERE s.id = enrolments.session_id AND s.ended_at IS NULL AND s.idle_until > :now AND s.expires_at > :now
    AND s.epoch = u.epoch AND u.epoch = enrolments.epoch)`;

const OPEN: EnrolmentState[] = ["pending", "claimed"];

/** The enrolments, in the database. */
export function enrolments(database: RowSource): Enrolments {
  const rows = database.getRepository<EnrolmentRow>("enrolment");
  const change = (set: Partial<EnrolmentRow>) =>
    rows
      .createQueryBuilder()
      .update()
      .set({ ...set, version: () => "version + 1" });
  /** Towards a factor: only while the session that asked lives and its account has not moved on since. */
  async function moveOn(
    id: string,
    from: readonly EnrolmentState[],
    set: Partial<EnrolmentRow>,
    now: Date,
  ): Promise<boolean> {
    const { affected } = await change(set)
      .where("id = :id AND state IN (:...from)", { id, from })
      .andWhere(SESSION_LIVES, { now })
      .execute();
    return affected === 1;
  }
  return {
    ...watchedRows(database, "enrolment", OPEN, enrolmentStatus),
    async insert(enrolment) {
      const row = { ...enrolment, version: 1, settledAt: null, settledBy: null, leaseUntil: null };
      return unlessTaken(rows.insert(row).then(() => true));
    },
    find: (id) => rows.findOneBy({ id }),
    findLatestOfSession: (sessionId) => rows.findOne({ where: { sessionId }, order: { createdAt: "DESC" } }),
    findOpenOfSubscriber: (subscriberId) => rows.findBy({ subscriberId, state: In(OPEN) }),
    async end(id, state, by, now) {
      const { affected } = await change({ state, settledAt: now, settledBy: by })
        .where("id = :id AND state IN (:...open)", { id, open: OPEN })
        .execute();
      return affected === 1;
    },
    claim: (id, now) => moveOn(id, ["pending"], { state: "claimed" }, now),
    complete: (id, by, now) => moveOn(id, OPEN, { state: "completed", settledAt: now, settledBy: by }, now),
  };
}
