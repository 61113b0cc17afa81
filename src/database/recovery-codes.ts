import { randomUUID } from "node:crypto";
import { IsNull } from "typeorm";

import { type RecoveryCodes } from "../domain/subscriber.js";
import { type RecoveryCodeRow, type RowSource } from "./schema.js";

/** The recovery codes, in the database. */
export function recoveryCodes(database: RowSource): RecoveryCodes {
  const rows = database.getRepository<RecoveryCodeRow>("recoveryCode");
  return {
    replace: (subscriberId, codeHashes, now) =>
      database.transaction(async (manager) => {
        const codes = manager.getRepository<RecoveryCodeRow>("recoveryCode");
        await codes.delete({ subscriberId });
        await codes.insert(
          codeHashes.map((codeHash) => ({ id: randomUUID(), subscriberId, codeHash, usedAt: null, createdAt: now })),
        );
      }),
    countLeft: (subscriberId) => rows.countBy({ subscriberId, usedAt: IsNull() }),
    async spend(subscriberId, codeHash, now) {
      const { affected } = await rows.update({ subscriberId, codeHash, usedAt: IsNull() }, { usedAt: now });
      return affected === 1;
    },
  };
}
