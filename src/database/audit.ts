import { randomUUID } from "node:crypto";
import { In, Not } from "typeorm";

import { type Audit } from "../domain/audit.js";
import { type AuditRow, type RowSource } from "./schema.js";

/** The security events, in the database. */
export function audit(database: RowSource): Audit {
  const rows = database.getRepository<AuditRow>("audit");
  return {
    async record({ origin: { address, browserLabel }, detail = "", ...event }) {
      await rows.insert({ ...event, id: randomUUID(), address, browserLabel, detail });
    },
    list: (subscriberId, { limit, offset = 0, without = [] }) =>
      rows.find({
        where: { subscriberId, ...(without.length > 0 ? { kind: Not(In([...without])) } : {}) },
        order: { at: "DESC", id: "DESC" },
        skip: offset,
        take: limit,
      }),
  };
}
