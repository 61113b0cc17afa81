import { randomUUID } from "node:crypto";
import { In, MoreThan } from "typeorm";

import { EXPIRY_GRACE_MS } from "../domain/challenge.js";
import { type Completion, type Enrolments, publicEnrolmentStatus } from "../domain/enrolment.js";
import {
  type AuditRow,
  type EnrolmentRow,
  type FactorRow,
  type KnownBrowserRow,
  type SessionRow,
  type SubscriberRow,
  type RowSource,
} from "./schema.js";
import { isDuplicate, unlessTaken } from "./errors.js";

/** Thrown inside the transaction of a completion, so that nothing of it stays. */
class Abandoned extends Error {
  constructor(readonly completion: Completion) {
    super(completion);
  }
}

const SESSION_LIVES = `EXISTS (
  SELECT 1 FROM sessions s JOIN subscribers u ON u.id = s.subscriber_id
  WHERE s.id = enrolments.session_id AND s.ended_at IS NULL AND s.idle_until > :now AND s.expires_at > :now
    AND s.epoch = u.epoch AND u.epoch = enrolments.epoch)`;

/** The enrolments, in the database. */
export function enrolments(database: RowSource): Enrolments {
  const rows = database.getRepository<EnrolmentRow>("enrolment");
  return {
    async insert(enrolment) {
      const row = { ...enrolment, version: 1, settledAt: null, settledBy: null, leaseUntil: null };
      return unlessTaken(rows.insert(row).then(() => true));
    },
    find: (id) => rows.findOneBy({ id }),
    findLatestOfSession: (sessionId) => rows.findOne({ where: { sessionId }, order: { createdAt: "DESC" } }),
    findPendingOfSubscriber: (subscriberId) => rows.findBy({ subscriberId, state: "pending" }),
    async statuses(ids) {
      const found = await rows.findBy({ id: In([...ids]) });
      return found.map(({ id, state, version, expiresAt }) => ({
        id,
        kind: "registration",
        status: publicEnrolmentStatus(state),
        version,
        expiresAt,
      }));
    },
    async end(id, state, by, now) {
      const { affected } = await rows.update(
        { id, state: "pending" },
        { state, version: 2, settledAt: now, settledBy: by },
      );
      return affected === 1;
    },
    async complete(id, providerId, by, now) {
      try {
        await database.transaction(async (manager) => {
          const moved = await manager
            .getRepository<EnrolmentRow>("enrolment")
            .createQueryBuilder()
            .update()
            .set({ state: "completed", version: 2, settledAt: now, settledBy: by })
            .where("id = :id AND state = 'pending'", { id })
            .andWhere(SESSION_LIVES, { now })
            .execute();
          const enrolment = await manager.getRepository<EnrolmentRow>("enrolment").findOneBy({ id });
          if (moved.affected !== 1 || enrolment === null)
            throw new Abandoned(enrolment?.state === "pending" ? "stale" : "lost");
          const { subscriberId, sessionId } = enrolment;
          const phones = manager.getRepository<FactorRow>("factor");
          if (enrolment.replacesFactor)
            await phones.update({ subscriberId, state: "active" }, { state: "removed", removedAt: now });
          await phones.insert({
            id: randomUUID(),
            subscriberId,
            type: "authy-push",
            providerId,
            state: "active",
            createdAt: now,
            removedAt: null,
            removedUpstreamAt: null,
          });
          await manager
            .getRepository<KnownBrowserRow>("browser")
            .delete({ subscriberId, firstSeenAt: MoreThan(enrolment.createdAt) });
          await manager.getRepository<AuditRow>("audit").insert({
            id: randomUUID(),
            subscriberId,
            kind: "phone-enrolled",
            at: now,
            address: "",
            browserLabel: "",
            detail: by,
          });
          await manager.getRepository<SubscriberRow>("subscriber").increment({ id: subscriberId }, "epoch", 1);
          await manager.getRepository<SessionRow>("session").increment({ id: sessionId }, "epoch", 1);
        });
        return "completed";
      } catch (error) {
        if (error instanceof Abandoned) return error.completion;
        if (isDuplicate(error)) return "conflict";
        throw error;
      }
    },
    async claimPoll(id, now, until) {
      const { affected } = await rows
        .createQueryBuilder()
        .update()
        .set({ leaseUntil: until })
        .where("id = :id AND state = 'pending' AND (lease_until IS NULL OR lease_until <= :now)", { id, now })
        .execute();
      return affected === 1;
    },
    async releasePoll(id, claimedUntil, nextPollAt) {
      await rows.update({ id, state: "pending", leaseUntil: claimedUntil }, { leaseUntil: null, nextPollAt });
    },
    findOverdue: (now, limit) =>
      rows
        .createQueryBuilder("enrolment")
        .where("enrolment.state = 'pending' AND enrolment.nextPollAt <= :now", { now })
        .limit(limit)
        .getMany(),
    async findExpired(now, limit) {
      const found = await rows
        .createQueryBuilder("enrolment")
        .select(["enrolment.id"])
        .where("enrolment.state = 'pending' AND enrolment.expiresAt <= :end", {
          end: new Date(now.getTime() - EXPIRY_GRACE_MS),
        })
        .limit(limit)
        .getMany();
      return found.map(({ id }) => id);
    },
  };
}
