import { In, MoreThan } from "typeorm";

import type { Mails } from "../domain/mail.js";
import { eventIn } from "./audit.js";
import { changedOne } from "./one-row.js";
import type { AuditRow, MailRow, RowSource } from "./schema.js";

/** The messages, in the database. */
export function mails(database: RowSource): Mails {
  const rows = database.getRepository<MailRow>("mail");
  const free = "(lease_until IS NULL OR lease_until <= :now)";
  return {
    findDue: (now, limit) =>
      rows
        .createQueryBuilder("mail")
        .where(`mail.state = 'due' AND mail.dueAt <= :now AND ${free}`, { now })
        .orderBy("mail.dueAt")
        .limit(limit)
        .getMany(),
    claim: (id, now, leaseUntil) =>
      changedOne(
        rows
          .createQueryBuilder()
          .update()
          .set({ leaseUntil, tries: () => "tries + 1" })
          .where(`id = :id AND state = 'due' AND due_at <= :now AND ${free}`, { id, now })
          .execute(),
      ),
    async settle(id, state, now, failure = "") {
      await rows.update({ id, state: "due" }, { state, settledAt: now, leaseUntil: null, failure });
    },
    async postpone(id, dueAt, failure) {
      await rows.update({ id, state: "due" }, { dueAt, leaseUntil: null, failure });
    },
    async forget(id) {
      await rows.delete({ id });
    },
    async findEvent({ eventId }) {
      const row = await database.getRepository<AuditRow>("audit").findOneBy({ id: eventId });
      return row && eventIn(row);
    },
    countSince: (subscriberId, kinds, since) =>
      rows.countBy({ subscriberId, kind: In([...kinds]), createdAt: MoreThan(since) }),
    listTroubled: (limit) =>
      rows.find({ where: { state: In(["due", "given-up"]) }, order: { createdAt: "DESC" }, take: limit }),
    async counts() {
      const found = await rows
        .createQueryBuilder("mail")
        .select("mail.state", "state")
        .addSelect("COUNT(*)", "count")
        .groupBy("mail.state")
        .getRawMany<{ state: string; count: string | number }>();
      const of = (state: string): number => Number(found.find((row) => row.state === state)?.count ?? 0);
      return { due: of("due"), givenUp: of("given-up"), sent: of("sent") };
    },
  };
}
