import { type DataSource } from "typeorm";

import { type Receipts } from "../domain/deps.js";
import { type ReceiptRow } from "./schema.js";
import { isDuplicate } from "./serialize-sqlite.js";

/** The callbacks of the last minutes, in the database: known again by their signature, never by the nonce alone. */
export function receipts(database: DataSource): Receipts {
  const rows = database.getRepository<ReceiptRow>("receipt");
  return {
    async insert(receipt) {
      try {
        await rows.insert(receipt);
        return true;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    },
    findByUuid: (authyUuid) => rows.findOne({ where: { authyUuid }, order: { receivedAt: "ASC" } }),
  };
}
