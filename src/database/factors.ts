import { type Factors } from "../domain/subscriber.js";
import { type FactorRow, type RecoveryCodeRow, type SubscriberRow, type RowSource } from "./schema.js";
import { unlessTaken } from "./errors.js";

/** The enrolled phones, in the database. */
export function factors(database: RowSource): Factors {
  const rows = database.getRepository<FactorRow>("factor");
  return {
    find: (id) => rows.findOneBy({ id }),
    findActive: (subscriberId) => rows.findOneBy({ subscriberId, state: "active" }),
    insert: ({ id, subscriberId, providerId, createdAt }) =>
      unlessTaken(
        rows
          .insert({
            ...{ id, subscriberId, providerId, createdAt, type: "authy-push", state: "active" },
            ...{ removedAt: null, removedUpstreamAt: null },
          })
          .then(() => true),
      ),
    async retire(subscriberId, now) {
      await rows.update({ subscriberId, state: "active" }, { state: "removed", removedAt: now });
    },
    remove: (subscriberId, now) =>
      database.transaction(async (manager) => {
        const { affected } = await manager
          .getRepository<FactorRow>("factor")
          .update({ subscriberId, state: "active" }, { state: "removed", removedAt: now });
        if (affected !== 1) return null;
        await manager.getRepository<RecoveryCodeRow>("recoveryCode").delete({ subscriberId });
        const accounts = manager.getRepository<SubscriberRow>("subscriber");
        await accounts.increment({ id: subscriberId }, "epoch", 1);
        return (await accounts.findOneByOrFail({ id: subscriberId })).epoch;
      }),
    findForgotten: (limit) =>
      rows
        .createQueryBuilder("factor")
        .where("factor.state = 'removed' AND factor.removedUpstreamAt IS NULL")
        .orderBy("factor.removedAt")
        .limit(limit)
        .getMany(),
    async noteRemovedUpstream(id, now) {
      await rows.update({ id }, { removedUpstreamAt: now });
    },
    isActiveAnywhere: (providerId) => rows.existsBy({ providerId, state: "active" }),
  };
}
