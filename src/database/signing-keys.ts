import type { SigningKey, SigningKeys } from "../domain/signing-key.js";
import { changedOne, unlessTaken } from "./one-row.js";
import type { RowSource, SigningKeyRow } from "./schema.js";
import { statement } from "./statement.js";

const LIST = statement<SigningKeyRow>(
  "signingKey",
  `SELECT k.* FROM signing_keys k
   ORDER BY CASE k.state WHEN 'current' THEN 0 WHEN 'next' THEN 1 ELSE 2 END, k.algorithm DESC, k.created_at DESC`,
);

/** The keys that sign ID tokens, in the database. */
export function signingKeys(database: RowSource): SigningKeys {
  const rows = database.getRepository<SigningKeyRow>("signingKey");
  return {
    list: (): Promise<SigningKey[]> => LIST(database, {}),
    insert: (key) => unlessTaken(rows.insert(key)),
    move: (kid, from, to, now) =>
      unlessTaken(changedOne(rows.update({ kid, state: from }, { state: to, stateSince: now }))),
    async remove(kid) {
      await rows.delete({ kid });
    },
  };
}
