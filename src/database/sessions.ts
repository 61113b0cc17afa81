import { IsNull, Not } from "typeorm";

import { type Sessions, signedIn } from "../domain/session.js";
import { changedOne } from "./one-row.js";
import { type RowSource, type SessionRow } from "./schema.js";

const OF_PRESENT_EPOCH =
  "(session.subscriberId IS NULL OR session.epoch = (SELECT u.epoch FROM subscribers u WHERE u.id = session.subscriberId))";
const IN_TIME = "session.endedAt IS NULL AND session.idleUntil > :now AND session.expiresAt > :now";
/** A session that the release before opened is named by its approval alone. */
const OF_ATTEMPT = `(session.id = (SELECT a.session_id FROM attempts a WHERE a.id = :attemptId) OR session.challengeId IN
  (SELECT c.id FROM challenges c WHERE c.attempt_id = :attemptId AND c.state = 'consumed'))`;

/** The sessions, in the database. */
export function sessions(database: RowSource): Sessions {
  const rows = database.getRepository<SessionRow>("session");
  const living = (now: Date) => rows.createQueryBuilder("session").where(IN_TIME, { now }).andWhere(OF_PRESENT_EPOCH);

  return {
    load: (keyHash, now) => living(now).andWhere("session.keyHash = :keyHash", { keyHash }).getOne(),
    async insert(session) {
      await rows.insert({ ...session, endedAt: null });
    },
    renew: (id, still, renewal) => changedOne(rows.update({ ...still, id, endedAt: IsNull() }, renewal)),
    async keepData(id, data) {
      await rows.update({ id, endedAt: IsNull() }, { data });
    },
    async touch(id, now, idleUntil, address) {
      await rows.update({ id, endedAt: IsNull() }, { seenAt: now, idleUntil, address });
    },
    async endByKey(keyHash, now) {
      await rows.update({ keyHash, endedAt: IsNull() }, { endedAt: now });
    },
    async findOfAttempt(attemptId, now) {
      const row = await living(now).andWhere(OF_ATTEMPT, { attemptId }).getOne();
      return row === null ? null : signedIn(row);
    },
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
    end: (subscriberId, id, now) => changedOne(rows.update({ id, subscriberId, endedAt: IsNull() }, { endedAt: now })),
    async endOthers(subscriberId, keepId, now) {
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
