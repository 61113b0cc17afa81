import { IsNull, Not } from "typeorm";

import { type Sessions, signedIn, type StoredSession } from "../domain/session.js";
import type { Method } from "../domain/sign-in.js";
import { changedOne } from "./one-row.js";
import type { RowSource, SessionRow } from "./schema.js";
import { statement } from "./statement.js";

const OF_PRESENT_EPOCH =
  "(session.subscriberId IS NULL OR session.epoch = (SELECT u.epoch FROM subscribers u WHERE u.id = session.subscriberId))";
const IN_TIME = "session.endedAt IS NULL AND session.idleUntil > :now AND session.expiresAt > :now";
/** A session that the release before opened is named by its approval alone. */
const OF_ATTEMPT = `(session.id = (SELECT a.session_id FROM attempts a WHERE a.id = :attemptId) OR session.challengeId IN
  (SELECT c.id FROM challenges c WHERE c.attempt_id = :attemptId AND c.state = 'consumed'))`;

/** S2, S5, S7: of what every page and every round of re-reading asks, only sessions that live now and are of the present epoch. */
export const LIVES = `s.ended_at IS NULL AND s.idle_until > :now AND s.expires_at > :now
  AND (s.subscriber_id IS NULL OR s.epoch = (SELECT u.epoch FROM subscribers u WHERE u.id = s.subscriber_id))`;

const LOAD = statement<SessionRow>("session", `SELECT s.* FROM sessions s WHERE s.key_hash = :keyHash AND ${LIVES}`);

const LIVING = statement<Pick<SessionRow, "id">>("session", {
  sqlite: `SELECT s.id FROM sessions s WHERE s.id IN (SELECT value FROM json_each(:ids)) AND ${LIVES}`,
  postgres: `SELECT s.id FROM sessions s WHERE s.id = ANY(:ids) AND ${LIVES}`,
});

/** A session as the rules know it: what the release before did not write is filled in. */
export function storedIn({ signInId, methods, authenticatedAt, ...row }: SessionRow): StoredSession {
  return {
    ...row,
    signInId: signInId ?? row.id,
    methods: (methods ?? (row.level === 2 ? "pwd mfa" : "pwd")).split(" ").filter(Boolean) as Method[],
    authenticatedAt: authenticatedAt ?? row.passwordAt,
  };
}

/** The sessions, in the database. */
export function sessions(database: RowSource): Sessions {
  const rows = database.getRepository<SessionRow>("session");
  const living = (now: Date) => rows.createQueryBuilder("session").where(IN_TIME, { now }).andWhere(OF_PRESENT_EPOCH);

  return {
    async load(keyHash, now) {
      const [row] = await LOAD(database, { keyHash, now });
      if (row === undefined) return null;
      const session = storedIn(row);
      const { id, signInId, authenticatedAt } = session;
      // The release before opened it: what refers to a sign-in finds it by its column.
      if (row.signInId === null) await rows.update({ id, signInId: IsNull() }, { signInId, authenticatedAt });
      return session;
    },
    async insert({ methods, ...session }) {
      await rows.insert({ ...session, methods: methods.join(" "), endedAt: null });
    },
    renew(id, still, { methods, ...more }) {
      const renewal = methods === undefined ? more : { ...more, methods: methods.join(" ") };
      return changedOne(rows.update({ ...still, id, endedAt: IsNull() }, renewal));
    },
    async keepData(id, data) {
      await rows.update({ id, endedAt: IsNull() }, { data });
    },
    async touch(id, now, idleUntil, address) {
      await rows.update({ id, endedAt: IsNull() }, { seenAt: now, idleUntil, address });
    },
    endByKey: (keyHash, now) => changedOne(rows.update({ keyHash, endedAt: IsNull() }, { endedAt: now })),
    async findOfSignIn(signInId, now) {
      const row = await living(now).andWhere("session.signInId = :signInId", { signInId }).getOne();
      return row === null ? null : signedIn(storedIn(row));
    },
    async findOfAttempt(attemptId, now) {
      const row = await living(now).andWhere(OF_ATTEMPT, { attemptId }).getOne();
      return row === null ? null : signedIn(storedIn(row));
    },
    async living(ids, now) {
      return ids.length === 0 ? [] : (await LIVING(database, { ids, now })).map(({ id }) => id);
    },
    async list(subscriberId, now) {
      const found = await living(now)
        .andWhere("session.subscriberId = :subscriberId", { subscriberId })
        .orderBy("session.seenAt", "DESC")
        .getMany();
      return found.map((row) => signedIn(storedIn(row))).filter((session) => session !== null);
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
