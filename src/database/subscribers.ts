import { In, IsNull, LessThanOrEqual, Not } from "typeorm";

import type { NewSubscriber, Subscribers } from "../domain/subscriber.js";
import { changedOne, unlessTaken } from "./one-row.js";
import type { SubscriberRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";

/** Every page of somebody who is signed in asks for the account. */
const FIND = statement<SubscriberRow>("subscriber", "SELECT * FROM subscribers WHERE id = :id");
const FIND_BY_NAME = statement<SubscriberRow>(
  "subscriber",
  "SELECT * FROM subscribers WHERE username_key = :usernameKey",
);

const FIND_BY_EMAIL = statement<SubscriberRow>(
  "subscriber",
  "SELECT * FROM subscribers WHERE lower(email) = lower(:email) ORDER BY created_at LIMIT 5",
);

/** The same WHERE as that of its index. */
const FOREIGN = statement<SubscriberRow>(
  "subscriber",
  "SELECT password_hash FROM subscribers WHERE password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%' LIMIT :limit",
);

/** So many values fit into one statement. */
const AT_ONCE = 500;

/** An account that was opened just now. */
function newRow(subscriber: NewSubscriber): SubscriberRow {
  return {
    language: null,
    timeZone: null,
    ...subscriber,
    epoch: 1,
    pendingEmail: null,
    mustChangePassword: false,
    pushFrozenUntil: null,
    strangersSuccessAt: null,
    emailVerifiedAt: null,
    disabledAt: null,
    closedAt: null,
    moveRestsUntil: null,
  };
}

/** The accounts, in the database. */
export function subscribers(database: RowSource): Subscribers {
  const rows = database.getRepository<SubscriberRow>("subscriber");
  return {
    insert: (subscriber) => unlessTaken(rows.insert(newRow(subscriber))),
    async insertAll(subscribers) {
      for (let at = 0; at < subscribers.length; at += AT_ONCE)
        await rows.insert(subscribers.slice(at, at + AT_ONCE).map((each) => ({ ...newRow(each), ...each })));
    },
    async findTaken(usernameKeys) {
      const taken: string[] = [];
      for (let at = 0; at < usernameKeys.length; at += AT_ONCE) {
        const usernameKey = In(usernameKeys.slice(at, at + AT_ONCE));
        const found = await rows.find({ select: { id: true, usernameKey: true }, where: { usernameKey } });
        taken.push(...found.map((row) => row.usernameKey));
      }
      return taken;
    },
    async someForeignHashes(limit) {
      const found = await FOREIGN(database, { limit });
      return found.map(({ passwordHash }) => passwordHash);
    },
    find: async (id) => (await FIND(database, { id }))[0] ?? null,
    findByName: async (usernameKey) => (await FIND_BY_NAME(database, { usernameKey }))[0] ?? null,
    findByEmail: (email) => FIND_BY_EMAIL(database, { email }),
    async rehash(id, oldHash, newHash) {
      await rows.update({ id, passwordHash: oldHash }, { passwordHash: newHash });
    },
    async changePassword(id, oldHash, newHash) {
      const before = await rows.findOneBy({ id });
      if (before === null) return null;
      const { affected } = await rows.update(
        { id, passwordHash: oldHash, epoch: before.epoch },
        { passwordHash: newHash, epoch: before.epoch + 1, mustChangePassword: false },
      );
      return affected === 1 ? before.epoch + 1 : null;
    },
    resetPassword: (id, epoch, passwordHash) =>
      changedOne(rows.update({ id, epoch }, { passwordHash, epoch: epoch + 1, mustChangePassword: false })),
    awaitEmail: (id, epoch, pendingEmail) => changedOne(rows.update({ id, epoch }, { pendingEmail })),
    async confirmEmail(id, email, emailVerifiedAt) {
      await rows.update({ id }, { email, emailVerifiedAt, pendingEmail: null });
    },
    noteSuccess: (id, epoch, isKnownBrowser, now) =>
      changedOne(rows.update({ id, epoch }, isKnownBrowser ? { lastSuccessAt: now } : { strangersSuccessAt: now })),
    async freezePushes(id, until) {
      await rows.update({ id }, { pushFrozenUntil: until });
    },
    async restMove(id, until) {
      await rows.update({ id }, { moveRestsUntil: until });
    },
    async chooseLanguage(id, language) {
      await rows.update({ id }, { language });
    },
    async noteTimeZone(id, timeZone) {
      await rows.update({ id }, { timeZone });
    },
    hold: (id, epoch) => changedOne(rows.update({ id, epoch }, { epoch })),
    async renewPushes(id, now) {
      await rows.update({ id }, { pushFrozenUntil: null, lastSuccessAt: now, strangersSuccessAt: now });
    },
    nextEpoch: (id, from) => changedOne(rows.increment(from === undefined ? { id } : { id, epoch: from }, "epoch", 1)),
    async noteVerifiedEmail(id, now) {
      await rows.update({ id }, { emailVerifiedAt: now });
    },
    disable: (id, now) =>
      changedOne(rows.update({ id, disabledAt: IsNull() }, { disabledAt: now, epoch: () => "epoch + 1" })),
    enable: (id) => changedOne(rows.update({ id, disabledAt: Not(IsNull()) }, { disabledAt: null })),
    close: (id, epoch, now) =>
      changedOne(rows.update({ id, epoch, closedAt: IsNull() }, { closedAt: now, epoch: epoch + 1 })),
    reopen: (id) => changedOne(rows.update({ id, closedAt: Not(IsNull()) }, { closedAt: null })),
    findClosed: (before, limit) =>
      rows.find({ where: { closedAt: LessThanOrEqual(before) }, order: { closedAt: "ASC" }, take: limit }),
    holdClosed: ({ id, epoch, closedAt, lastSuccessAt, strangersSuccessAt }) =>
      changedOne(
        rows.update(
          {
            ...{ id, epoch, lastSuccessAt, closedAt: closedAt ?? IsNull() },
            strangersSuccessAt: strangersSuccessAt ?? IsNull(),
          },
          { epoch: epoch + 1 },
        ),
      ),
    list: (offset, limit) => rows.find({ order: { usernameKey: "ASC" }, skip: offset, take: limit }),
    async raiseAlarm(id, frozenUntil) {
      await rows
        .createQueryBuilder()
        .update()
        .set({ epoch: () => "epoch + 1", mustChangePassword: true, pushFrozenUntil: frozenUntil })
        .where({ id })
        .execute();
    },
  };
}
