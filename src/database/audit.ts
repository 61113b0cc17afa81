import { randomUUID } from "node:crypto";

import { type Audit } from "../domain/audit.js";
import { type AuditRow, type RowSource } from "./schema.js";

/** The security events, in the database. */
export function audit(database: RowSource): Audit {
  const rows = database.getRepository<AuditRow>("audit");
  return {
    async record(event) {
      await rows.insert({ ...event, id: randomUUID() });
    },
    list: (subscriberId, limit) => rows.find({ where: { subscriberId }, order: { at: "DESC" }, take: limit }),
  };
}
