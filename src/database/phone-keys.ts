import type { PhoneKeys } from "../domain/phone-key.js";
import type { PhoneKeyTableRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";

type ActiveRow = Pick<PhoneKeyTableRow, "id" | "credentialId" | "credentialKey"> & {
  readonly subscriberId: string;
  readonly keyHash: string;
  readonly spki: string;
};

// CROSS JOIN: SQLite would else begin with all phones of everybody.
const findActive = (isAmongThem: string): string => `
  SELECT f.id, f.subscriber_id, k.key_hash, k.spki, k.credential_id, k.credential_key
  FROM phone_keys k CROSS JOIN factors f
  WHERE k.key_hash ${isAmongThem} AND f.id = k.id AND k.spki IS NOT NULL AND f.type = 'phone' AND f.state = 'active'`;

/** PH6: each answer and each look of a phone's page begins with it. */
const FIND_ACTIVE = statement<ActiveRow>(["phoneKey", "factor"], {
  sqlite: findActive("IN (SELECT value FROM json_each(:keyHashes))"),
  postgres: findActive("= ANY(:keyHashes)"),
});

/** The keys of phones of our own, in the database. */
export function phoneKeys(database: RowSource): PhoneKeys {
  const rows = database.getRepository<PhoneKeyTableRow>("phoneKey");
  const unclaimed = { keyHash: null, spki: null, credentialId: null, credentialHash: null, credentialKey: null };
  return {
    async insert(row) {
      await rows.insert({ ...row, ...unclaimed, label: "", address: "" });
    },
    find: (id) => rows.findOneBy({ id }),
    findBySecret: (secretHash) => rows.findOneBy({ secretHash }),
    async claim(id, { credential, ...key }) {
      await rows.update({ id }, { ...key, ...credential });
    },
    async findActive(keyHashes) {
      const found = keyHashes.length === 0 ? [] : await FIND_ACTIVE(database, { keyHashes });
      return found.map(({ id, subscriberId, keyHash, spki, credentialId, credentialKey }) => ({
        ...{ factorId: id, subscriberId, keyHash, spki },
        credential: credentialId === null || credentialKey === null ? null : { credentialId, credentialKey },
      }));
    },
    hasCredential: (credentialHash) => rows.existsBy({ credentialHash }),
  };
}
