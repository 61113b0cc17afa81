import { type Factors } from "../domain/subscriber.js";
import { type FactorRow, type RowSource } from "./schema.js";
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
    async remove(subscriberId, now) {
      const { affected } = await rows.update({ subscriberId, state: "active" }, { state: "removed", removedAt: now });
      return affected === 1;
    },
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
