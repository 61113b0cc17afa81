import { In } from "typeorm";

import type { Application, Applications } from "../domain/application.js";
import { changedOne } from "./one-row.js";
import type { ApplicationGroupRow, ApplicationRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";

const ADMIT = statement<ApplicationGroupRow>(
  "applicationGroup",
  `INSERT INTO application_groups (application_id, group_name) VALUES (:id, :group)
   ON CONFLICT DO NOTHING RETURNING group_name`,
);

/** The applications and the groups that they admit, in the database. */
export function applications(database: RowSource): Applications {
  const rows = database.getRepository<ApplicationRow>("application");
  const groups = database.getRepository<ApplicationGroupRow>("applicationGroup");

  async function withGroups(found: readonly ApplicationRow[]): Promise<Application[]> {
    const admitted = await groups.find({
      where: { applicationId: In(found.map(({ id }) => id)) },
      order: { groupName: "ASC" },
    });
    return found.map((row) => ({
      ...row,
      groups: admitted.filter(({ applicationId }) => applicationId === row.id).map(({ groupName }) => groupName),
    }));
  }

  return {
    async insert({ groups: admitted, ...row }) {
      await rows.insert(row);
      await groups.insert(admitted.map((groupName) => ({ applicationId: row.id, groupName })));
    },
    find: async (id) => (await withGroups(await rows.findBy({ id })))[0] ?? null,
    list: async (kind) => withGroups(await rows.find({ where: { kind }, order: { name: "ASC", id: "ASC" } })),
    async admit(id, admitted) {
      if ("everyone" in admitted)
        return changedOne(rows.update({ id, admitsEveryone: false }, { admitsEveryone: true }));
      return (await ADMIT(database, { id, group: admitted.group })).length === 1;
    },
    async dismiss(id, admitted) {
      if ("everyone" in admitted)
        return changedOne(rows.update({ id, admitsEveryone: true }, { admitsEveryone: false }));
      return changedOne(groups.delete({ applicationId: id, groupName: admitted.group }));
    },
    async remove(id) {
      await groups.delete({ applicationId: id });
      return changedOne(rows.delete({ id }));
    },
  };
}
