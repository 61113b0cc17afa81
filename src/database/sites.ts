import type { Sites } from "../domain/application.js";
import { unlessTaken } from "./one-row.js";
import type { RowSource, SiteRow } from "./schema.js";

/** The sites behind the gate, in the database. */
export function sites(database: RowSource): Sites {
  const rows = database.getRepository<SiteRow>("site");
  return {
    insert: ({ publicPaths, ...site }) => unlessTaken(rows.insert({ ...site, publicPaths: [...publicPaths] })),
    find: (origin) => rows.findOneBy({ origin }),
    findOfApplication: (applicationId) => rows.findOneBy({ applicationId }),
    async remove(applicationId) {
      await rows.delete({ applicationId });
    },
  };
}
