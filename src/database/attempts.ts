import { In, LessThanOrEqual, MoreThan } from "typeorm";

import type { Attempts } from "../domain/attempt.js";
import { changedOne } from "./one-row.js";
import type { AttemptKeyRow, AttemptRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";

const FIND = statement<AttemptRow>("attempt", "SELECT * FROM attempts WHERE id = :id");

/** E1: whoever waits asks by the key that this browser alone holds. */
const FIND_BY_KEY = statement<AttemptRow>(
  "attempt",
  "SELECT a.* FROM attempt_keys k JOIN attempts a ON a.id = k.attempt_id WHERE k.key_hash = :keyHash",
);

/** The attempts and the keys that open them, in the database. */
export function attempts(database: RowSource): Attempts {
  const rows = database.getRepository<AttemptRow>("attempt");
  const keys = database.getRepository<AttemptKeyRow>("attemptKey");
  return {
    async insert(attempt, keyHash) {
      await rows.insert({ ...attempt, tries: 0, state: "open", spentAt: null, wasTexted: false });
      await keys.insert({ keyHash, attemptId: attempt.id });
    },
    async addKey(attemptId, keyHash) {
      // The attempt that came too late gives its key to the one that it joins.
      await keys.upsert({ keyHash, attemptId }, ["keyHash"]);
    },
    find: async (id) => (await FIND(database, { id }))[0] ?? null,
    findByKey: async (keyHash) => (await FIND_BY_KEY(database, { keyHash }))[0] ?? null,
    findLatestOfSession: (sessionId) => rows.findOne({ where: { sessionId }, order: { createdAt: "DESC" } }),
    async extend(id, expiresAt) {
      await rows.update({ id, state: "open" }, { expiresAt });
    },
    async noteText(id) {
      await rows.update({ id }, { wasTexted: true });
    },
    async countTry(id) {
      await rows.increment({ id }, "tries", 1);
      return (await rows.findOneByOrFail({ id })).tries;
    },
    finish: (id, sessionId, now) =>
      changedOne(
        rows.update({ id, state: "open", expiresAt: MoreThan(now) }, { state: "finished", sessionId, spentAt: now }),
      ),
    async raiseEpoch(id) {
      await rows.increment({ id }, "epoch", 1);
    },
    end: (id) => changedOne(rows.update({ id, state: "open" }, { state: "ended" })),
    async discard(id) {
      await rows.delete({ id });
    },
    findOpenOfSubscriber: (subscriberId) => rows.findBy({ subscriberId, state: "open" }),
    findOpenOfSession: (sessionId) => rows.findBy({ sessionId, state: "open" }),
    findOverdue: (now, limit) =>
      rows.find({
        where: { state: "open", expiresAt: LessThanOrEqual(now) },
        order: { expiresAt: "ASC" },
        take: limit,
      }),
    async endAllOfSubscriber(subscriberId) {
      await rows.update({ subscriberId, state: In(["open", "granted"]) }, { state: "ended" });
    },
    async endAllOfSession(sessionId) {
      await rows.update({ sessionId, state: In(["open", "granted"]) }, { state: "ended" });
    },
    grant: (id, now) =>
      changedOne(rows.update({ id, state: "open", expiresAt: MoreThan(now) }, { state: "granted", spentAt: now })),
    hasGrant: (sessionId, purpose, about, grantedAfter) =>
      rows.existsBy({ sessionId, purpose, next: about, state: "granted", spentAt: MoreThan(grantedAfter) }),
    async useGrant(sessionId, purpose, about, grantedAfter) {
      const grant = await rows.findOne({
        where: { sessionId, purpose, next: about, state: "granted", spentAt: MoreThan(grantedAfter) },
        order: { spentAt: "DESC" },
      });
      if (grant === null) return false;
      return changedOne(rows.update({ id: grant.id, state: "granted" }, { state: "finished" }));
    },
  };
}
