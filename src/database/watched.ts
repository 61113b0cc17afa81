import { EXPIRY_GRACE_MS, type LiveStatus, type WatchedRow, type WatchedRows } from "../domain/watched.js";
import { changedOne } from "./one-row.js";
import type { RowSource } from "./schema.js";
import { statement } from "./statement.js";

/** The columns that every kind of watched row has. */
interface Columns<State extends string> extends Pick<WatchedRow, "id" | "version" | "expiresAt" | "nextPollAt"> {
  readonly state: State;
  readonly leaseUntil: Date | null;
}

/** E6: all rows that somebody watches are read again, over and over. */
function readingStatuses(entity: "challenge" | "enrolment", which = "") {
  const all = `SELECT id, state, version, expires_at FROM ${entity}s WHERE id`;
  return statement<Pick<Columns<string>, "id" | "state" | "version" | "expiresAt">>(entity, {
    sqlite: `${all} IN (SELECT value FROM json_each(:ids)) ${which}`,
    postgres: `${all} = ANY(:ids) ${which}`,
  });
}

const READ_STATUSES = { challenge: readingStatuses("challenge"), enrolment: readingStatuses("enrolment") };
/** E6: with thousands who wait, reading rows that are as they were would be most of the work. */
const CHANGED = "AND (version > 1 OR expires_at <= :now)";
const READ_CHANGED = {
  challenge: readingStatuses("challenge", CHANGED),
  enrolment: readingStatuses("enrolment", CHANGED),
};

/**
 * What is asked of the rows of every kind that is watched, in the database.
 *
 * @param live - The states from which the clock may call a row expired; only `pending` ones are asked about.
 */
export function watchedRows<State extends string>(
  database: RowSource,
  entity: "challenge" | "enrolment",
  live: readonly State[],
  statusOf: (row: Pick<Columns<State>, "id" | "state" | "version" | "expiresAt">) => LiveStatus,
): Omit<WatchedRows, "find"> {
  const rows = database.getRepository<Columns<State>>(entity);
  const asStatus = (row: object): LiveStatus => statusOf(row as Columns<State>);
  return {
    async statuses(ids) {
      return ids.length === 0 ? [] : (await READ_STATUSES[entity](database, { ids })).map(asStatus);
    },
    async changed(ids, now) {
      return ids.length === 0 ? [] : (await READ_CHANGED[entity](database, { ids, now })).map(asStatus);
    },
    claimPoll: (id, now, until) =>
      changedOne(
        rows
          .createQueryBuilder()
          .update()
          .set({ leaseUntil: until })
          .where("id = :id AND state = 'pending' AND (lease_until IS NULL OR lease_until <= :now)", { id, now })
          .execute(),
      ),
    async releasePoll(id, claimedUntil, nextPollAt) {
      await rows
        .createQueryBuilder()
        .update()
        .set({ leaseUntil: null, nextPollAt })
        .where("id = :id AND state = 'pending' AND lease_until = :claimedUntil", { id, claimedUntil })
        .execute();
    },
    findOverdue: (dueBy, limit) =>
      rows
        .createQueryBuilder("row")
        .select(["row.id", "row.nextPollAt"])
        .where("row.state = 'pending' AND row.nextPollAt <= :dueBy", { dueBy })
        .limit(limit)
        .getMany(),
    async findExpired(now, limit) {
      const found = await rows
        .createQueryBuilder("row")
        .select(["row.id"])
        .where("row.state IN (:...live)", { live })
        .andWhere("row.expiresAt <= :end", { end: new Date(now.getTime() - EXPIRY_GRACE_MS) })
        .limit(limit)
        .getMany();
      return found.map(({ id }) => id);
    },
  };
}
