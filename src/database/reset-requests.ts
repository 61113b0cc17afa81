import type { ResetRequests } from "../domain/mail.js";
import { changedOne } from "./one-row.js";
import type { ResetRequestRow, RowSource } from "./schema.js";

/** What was typed at the page for forgotten passwords, in the database until a worker has looked at it. */
export function resetRequests(database: RowSource): ResetRequests {
  const rows = database.getRepository<ResetRequestRow>("resetRequest");
  return {
    async insert(request) {
      await rows.insert(request);
    },
    list: (limit) => rows.find({ order: { at: "ASC" }, take: limit }),
    take: (id) => changedOne(rows.delete({ id })),
  };
}
