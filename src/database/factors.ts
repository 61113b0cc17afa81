import { In, Not } from "typeorm";

import type { Factors } from "../domain/factor.js";
import { changedOne, unlessTaken } from "./one-row.js";
import type {
  FactorRow,
  PasskeyRow,
  PhoneKeyTableRow,
  PushSubscriptionRow,
  RowSource,
  TotpSecretRow,
} from "./schema.js";

/** The factors, in the database. */
export function factors(database: RowSource): Factors {
  const rows = database.getRepository<FactorRow>("factor");
  const totpSecrets = database.getRepository<TotpSecretRow>("totpSecret");
  const phoneKeys = database.getRepository<PhoneKeyTableRow>("phoneKey");
  const pushSubscriptions = database.getRepository<PushSubscriptionRow>("pushSubscription");
  const passkeys = database.getRepository<PasskeyRow>("passkey");
  return {
    find: (id) => rows.findOneBy({ id }),
    listActive: (subscriberId) =>
      rows.find({ where: { subscriberId, state: "active" }, order: { createdAt: "ASC", id: "ASC" } }),
    insert: (factor) =>
      unlessTaken(
        rows.insert({
          replacesId: null,
          ...factor,
          ...{ state: "active", isPreferred: false, lastUsedAt: null, removedAt: null, removedUpstreamAt: null },
          provedAt: null,
        }),
      ),
    async remove(id, now) {
      await totpSecrets.delete({ factorId: id });
      await phoneKeys.delete({ id });
      await pushSubscriptions.delete({ factorId: id });
      await passkeys.delete({ factorId: id });
      return changedOne(rows.update({ id, state: "active" }, { state: "removed", removedAt: now }));
    },
    async noteUsed(id, now) {
      await rows.update({ id }, { lastUsedAt: now });
    },
    async noteProved(id, now) {
      await rows.update({ id }, { provedAt: now });
    },
    rename: (subscriberId, id, label) => changedOne(rows.update({ id, subscriberId, state: "active" }, { label })),
    async prefer(subscriberId, id) {
      if (!(await changedOne(rows.update({ id, subscriberId, state: "active" }, { isPreferred: true })))) return false;
      await rows.update({ subscriberId, id: Not(id) }, { isPreferred: false });
      return true;
    },
    findForgotten: (types, limit) =>
      rows
        .createQueryBuilder("factor")
        .where("factor.state = 'removed' AND factor.removedUpstreamAt IS NULL")
        .andWhere({ type: In([...types]) })
        .orderBy("factor.removedAt")
        .limit(limit)
        .getMany(),
    async noteRemovedUpstream(id, now) {
      await rows.update({ id }, { removedUpstreamAt: now });
    },
    async countMovers() {
      const withAuthy = (which: string): Promise<number> =>
        rows
          .createQueryBuilder("factor")
          .where("factor.type = 'authy-push' AND factor.state = 'active'")
          .andWhere(`${which} AND phone.type = 'phone' AND phone.state = 'active')`)
          .getCount();
      const phoneWhere = "EXISTS (SELECT 1 FROM factors phone WHERE";
      return {
        toBegin: await withAuthy(`NOT ${phoneWhere} phone.subscriber_id = factor.subscriber_id`),
        begun: await withAuthy(`${phoneWhere} phone.replaces_id = factor.id`),
      };
    },
    isActiveAnywhere: (type, providerId) => rows.existsBy({ type, providerId, state: "active" }),
    findActive: (type, providerId) => rows.findOneBy({ type, providerId, state: "active" }),
  };
}
