import { IsNull, MoreThan } from "typeorm";

import type { Links } from "../domain/mail.js";
import type { LinkRow, RowSource } from "./schema.js";

/** The links of messages, in the database. */
export function links(database: RowSource): Links {
  const rows = database.getRepository<LinkRow>("link");
  return {
    async insert(link) {
      await rows.insert({ ...link, usedAt: null });
    },
    find: (tokenHash) => rows.findOneBy({ tokenHash }),
    use: async (mailId, now) => ((await rows.update({ mailId, usedAt: IsNull() }, { usedAt: now })).affected ?? 0) > 0,
    async endYounger({ subscriberId, createdAt }, now) {
      await rows.update({ subscriberId, createdAt: MoreThan(createdAt), usedAt: IsNull() }, { usedAt: now });
    },
  };
}
