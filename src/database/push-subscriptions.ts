import { In } from "typeorm";

import type { PushSubscriptions } from "../domain/phone-key.js";
import { changedOne } from "./one-row.js";
import type { PushSubscriptionRow, RowSource } from "./schema.js";

/** Where phones of our own can be rung, in the database. */
export function pushSubscriptions(database: RowSource): PushSubscriptions {
  const rows = database.getRepository<PushSubscriptionRow>("pushSubscription");
  return {
    async replace(subscription) {
      await rows.upsert(subscription, ["factorId"]);
    },
    findOf: (factorIds) =>
      factorIds.length === 0 ? Promise.resolve([]) : rows.findBy({ factorId: In([...factorIds]) }),
    remove: (factorId, endpoint) =>
      changedOne(rows.delete(endpoint === undefined ? { factorId } : { factorId, endpoint })),
  };
}
