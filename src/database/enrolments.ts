import { In } from "typeorm";

import { type Enrolments, type EnrolmentState, enrolmentStatus } from "../domain/enrolment.js";
import { changedOne, unlessTaken } from "./one-row.js";
import type { EnrolmentRow, RowSource } from "./schema.js";
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
    return changedOne(
      change(set).where("id = :id AND state IN (:...from)", { id, from }).andWhere(SESSION_LIVES, { now }).execute(),
    );
  }
  return {
    ...watchedRows(database, "enrolment", OPEN, enrolmentStatus),
    async insert(enrolment) {
      const row = { ...enrolment, version: 1, settledAt: null, settledBy: null, leaseUntil: null };
      return unlessTaken(rows.insert(row));
    },
    find: (id) => rows.findOneBy({ id }),
    findLatestOfSession: (sessionId) => rows.findOne({ where: { sessionId }, order: { createdAt: "DESC" } }),
    findOpenOfSubscriber: (subscriberId) => rows.findBy({ subscriberId, state: In(OPEN) }),
    end: (id, state, by, now) =>
      changedOne(
        change({ state, settledAt: now, settledBy: by })
          .where("id = :id AND state IN (:...open)", { id, open: OPEN })
          .execute(),
      ),
    claim: (id, now) => moveOn(id, ["pending"], { state: "claimed" }, now),
    complete: (id, by, now) => moveOn(id, OPEN, { state: "completed", settledAt: now, settledBy: by }, now),
  };
}
