import { In } from "typeorm";

import type { ActiveKey, PhoneKeys } from "../domain/phone-key.js";
import type { FactorRow, PhoneKeyTableRow, RowSource } from "./schema.js";

/** The keys of phones of our own, in the database. */
export function phoneKeys(database: RowSource): PhoneKeys {
  const rows = database.getRepository<PhoneKeyTableRow>("phoneKey");
  const factors = database.getRepository<FactorRow>("factor");
  return {
    async insert(row) {
      await rows.insert({ ...row, keyHash: null, spki: null, label: "", address: "" });
    },
    find: (id) => rows.findOneBy({ id }),
    findBySecret: (secretHash) => rows.findOneBy({ secretHash }),
    async claim(id, key) {
      await rows.update({ id }, key);
    },
    async findActive(keyHashes) {
      if (keyHashes.length === 0) return [];
      const found = await rows.findBy({ keyHash: In([...keyHashes]) });
      const active = await factors.findBy({ id: In(found.map(({ id }) => id)), type: "phone", state: "active" });
      return active.flatMap(({ id, subscriberId }): ActiveKey[] => {
        const key = found.find((each) => each.id === id);
        if (key?.keyHash == null || key.spki === null) return [];
        return [{ factorId: id, subscriberId, keyHash: key.keyHash, spki: key.spki }];
      });
    },
  };
}
