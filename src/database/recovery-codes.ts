import { randomUUID } from "node:crypto";
import { IsNull } from "typeorm";

import type { RecoveryCodes } from "../domain/subscriber.js";
import { changedOne } from "./one-row.js";
import type { RecoveryCodeRow, RowSource } from "./schema.js";

/** The recovery codes, in the database. */
export function recoveryCodes(database: RowSource): RecoveryCodes {
  const rows = database.getRepository<RecoveryCodeRow>("recoveryCode");
  return {
    async replace(subscriberId, codeHashes, now) {
      await rows.delete({ subscriberId });
      if (codeHashes.length > 0)
        await rows.insert(
          codeHashes.map((codeHash) => ({ id: randomUUID(), subscriberId, codeHash, usedAt: null, createdAt: now })),
        );
    },
    countLeft: (subscriberId) => rows.countBy({ subscriberId, usedAt: IsNull() }),
    isLeft: (subscriberId, codeHash) => rows.existsBy({ subscriberId, codeHash, usedAt: IsNull() }),
    spend: (subscriberId, codeHash, now) =>
      changedOne(rows.update({ subscriberId, codeHash, usedAt: IsNull() }, { usedAt: now })),
  };
}
