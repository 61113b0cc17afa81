import { LessThan } from "typeorm";

import type { TotpSecrets } from "../domain/totp-secret.js";
import { changedOne } from "./one-row.js";
import type { RowSource, TotpSecretRow } from "./schema.js";

/** The sealed secrets of authenticator apps, in the database. */
export function totpSecrets(database: RowSource): TotpSecrets {
  const rows = database.getRepository<TotpSecretRow>("totpSecret");
  return {
    async insert(secret) {
      await rows.insert({ ...secret, lastStep: 0 });
    },
    find: (factorId) => rows.findOneBy({ factorId }),
    spendStep: (factorId, step) => changedOne(rows.update({ factorId, lastStep: LessThan(step) }, { lastStep: step })),
  };
}
