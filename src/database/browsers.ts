import { MoreThan, Not } from "typeorm";

import type { KnownBrowsers } from "../domain/subscriber.js";
import { changedOne } from "./one-row.js";
import type { KnownBrowserRow, RowSource } from "./schema.js";

/** The known browsers, in the database. */
export function browsers(database: RowSource): KnownBrowsers {
  const rows = database.getRepository<KnownBrowserRow>("browser");
  return {
    find: (subscriberId, keyHash) => rows.findOneBy({ subscriberId, keyHash }),
    async insert(browser) {
      await rows.insert(browser);
    },
    touch: (subscriberId, keyHash, label, address, now) =>
      changedOne(rows.update({ subscriberId, keyHash }, { label, address, lastSeenAt: now })),
    list: (subscriberId) => rows.find({ where: { subscriberId }, order: { lastSeenAt: "DESC" }, take: 50 }),
    async forgetOthers(subscriberId, keepKeyHash) {
      await rows.delete({ subscriberId, keyHash: Not(keepKeyHash) });
    },
    async forgetSeenSince(subscriberId, moment) {
      await rows.delete({ subscriberId, firstSeenAt: MoreThan(moment) });
    },
  };
}
