import { IsNull, Not } from "typeorm";

import { type Sessions, type SessionStore, signedIn } from "../domain/session.js";
import { type AttemptRow, type SessionRow, type RowSource } from "./schema.js";
import { isDuplicate } from "./errors.js";

const OF_PRESENT_EPOCH =
  "(session.subscriberId IS NULL OR session.epoch = (SELECT u.epoch FROM subscribers u WHERE u.id = session.subscriberId))";
const IN_TIME = "session.endedAt IS NULL AND session.idleUntil > :now AND session.expiresAt > :now";

/** The sessions, in the database. */
export function sessions(database: RowSource): Sessions & SessionStore {
  const rows = database.getRepository<SessionRow>("session");
  /** First of all, so that a repeat which opens a session meanwhile finds out afterwards. */
  const revokeApprovals = (sessionsOf: string, params: Record<string, string>) =>
    database
      .getRepository<AttemptRow>("attempt")
      .createQueryBuilder()
      .update()
      .set({ state: "ended" })
      .where(
        `id IN (SELECT c.attempt_id FROM challenges c JOIN sessions s ON s.challenge_id = c.id
          WHERE s.ended_at IS NULL AND ${sessionsOf})`,
        params,
      )
      .execute();
  const living = (now: Date) => rows.createQueryBuilder("session").where(IN_TIME, { now }).andWhere(OF_PRESENT_EPOCH);

  return {
    load: (keyHash, now) => living(now).andWhere("session.keyHash = :keyHash", { keyHash }).getOne(),
    async open(session) {
      const { challengeId } = session;
      try {
        await rows.insert(session);
      } catch (error) {
        if (!isDuplicate(error) || challengeId === null) throw error;
        // Several answers to one approval crossed in the same browser: the latest session stays. A crash leaves the other.
        await database
          .transaction(async (manager) => {
            const inside = manager.getRepository<SessionRow>("session");
            await inside.update({ challengeId, endedAt: IsNull() }, { endedAt: session.createdAt });
            await inside.insert(session);
          })
          .catch((again: unknown) => {
            if (!isDuplicate(again)) throw again;
            return this.open(session);
          });
      }
    },
    async keep(keyHash, data) {
      await rows.update({ keyHash, endedAt: IsNull() }, { data });
    },
    async touch(id, now, idleUntil, address) {
      await rows.update({ id, endedAt: IsNull() }, { seenAt: now, idleUntil, address });
    },
    async endByKey(keyHash, now) {
      await rows.update({ keyHash, endedAt: IsNull() }, { endedAt: now });
    },
    async findOfChallenge(challengeId, now) {
      const row = await living(now).andWhere("session.challengeId = :challengeId", { challengeId }).getOne();
      return row === null ? null : signedIn(row);
    },
    hadOfChallenge: (challengeId) => rows.existsBy({ challengeId }),
    async living(ids, now) {
      const found = await living(now)
        .select(["session.id"])
        .andWhere("session.id IN (:...ids)", { ids: ["", ...ids] })
        .getMany();
      return found.map(({ id }) => id);
    },
    async list(subscriberId, now) {
      const found = await living(now)
        .andWhere("session.subscriberId = :subscriberId", { subscriberId })
        .orderBy("session.seenAt", "DESC")
        .getMany();
      return found.map(signedIn).filter((session) => session !== null);
    },
    async end(subscriberId, id, now) {
      await revokeApprovals("s.subscriber_id = :subscriberId AND s.id = :id", { subscriberId, id });
      const { affected } = await rows.update({ id, subscriberId, endedAt: IsNull() }, { endedAt: now });
      return affected === 1;
    },
    async endOthers(subscriberId, keepId, now) {
      await revokeApprovals("s.subscriber_id = :subscriberId AND s.id <> :keepId", { subscriberId, keepId });
      const others = await living(now)
        .andWhere("session.subscriberId = :subscriberId AND session.id <> :keepId", { subscriberId, keepId })
        .getMany();
      await rows.update({ subscriberId, id: Not(keepId), endedAt: IsNull() }, { endedAt: now });
      return others.map(({ id }) => id);
    },
    async raiseEpoch(id) {
      await rows.increment({ id }, "epoch", 1);
    },
    async notePassword(id, now) {
      await rows.update({ id, endedAt: IsNull() }, { passwordAt: now });
    },
  };
}
