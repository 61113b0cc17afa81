import type { Memberships } from "../domain/application.js";
import { changedOne } from "./one-row.js";
import type { MembershipRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";

const ADD = statement<MembershipRow>(
  "membership",
  `INSERT INTO memberships (subscriber_id, group_name, created_at) VALUES (:subscriberId, :groupName, :now)
   ON CONFLICT DO NOTHING RETURNING group_name`,
);

/** Which account is in which group, in the database. */
export function memberships(database: RowSource): Memberships {
  const rows = database.getRepository<MembershipRow>("membership");
  return {
    add: async (subscriberId, groupName, now) => (await ADD(database, { subscriberId, groupName, now })).length === 1,
    remove: (subscriberId, groupName) => changedOne(rows.delete({ subscriberId, groupName })),
    async list(subscriberId) {
      const found = await rows.find({ where: { subscriberId }, order: { groupName: "ASC" } });
      return found.map(({ groupName }) => groupName);
    },
    async count() {
      const found = await rows
        .createQueryBuilder("membership")
        .select("membership.groupName", "group")
        .addSelect("count(*)", "members")
        .groupBy("membership.groupName")
        .orderBy("membership.groupName")
        .getRawMany<{ group: string; members: number | string }>();
      return found.map(({ group, members }) => ({ group, members: Number(members) }));
    },
  };
}
