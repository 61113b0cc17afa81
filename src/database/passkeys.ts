import { randomBytes } from "node:crypto";
import { In } from "typeorm";

import type { Passkeys } from "../domain/passkey.js";
import { changedOne, unlessTaken } from "./one-row.js";
import type { PasskeyRow, PasskeyUserRow, RowSource, SpentChallengeRow } from "./schema.js";

/** PH17: an authenticator that counts counts up; one that keeps passkeys in step over devices stays at 0. */
const COUNTS_ON = "(counter < :counter OR (counter = 0 AND :counter = 0) OR can_be_backed_up = :yes)";

/** The passkeys, in the database. */
export function passkeys(database: RowSource): Passkeys {
  const rows = database.getRepository<PasskeyRow>("passkey");
  const users = database.getRepository<PasskeyUserRow>("passkeyUser");
  const spent = database.getRepository<SpentChallengeRow>("spentChallenge");
  return {
    async insert(passkey) {
      await rows.insert(passkey);
    },
    findOf: (factorIds) =>
      factorIds.length === 0 ? Promise.resolve([]) : rows.findBy({ factorId: In([...factorIds]) }),
    noteUse: (factorId, { counter, isBackedUp }) =>
      changedOne(
        rows
          .createQueryBuilder()
          .update()
          .set({ counter, isBackedUp })
          .where("factor_id = :factorId", { factorId })
          .andWhere(COUNTS_ON, { counter, yes: true })
          .execute(),
      ),
    spendChallenge: (challengeHash, now) => unlessTaken(spent.insert({ challengeHash, spentAt: now })),
    async userHandle(subscriberId, now) {
      const known = await users.findOneBy({ subscriberId });
      if (known !== null) return known.handle;
      const handle = randomBytes(32).toString("base64url");
      // Two requests at once make one.
      if (await unlessTaken(users.insert({ subscriberId, handle, createdAt: now }))) return handle;
      return (await users.findOneByOrFail({ subscriberId })).handle;
    },
  };
}
