import { type DataSource } from "typeorm";

import { type Receipts } from "../domain/deps.js";
import { type ReceiptRow } from "./schema.js";
import { unlessTaken } from "./serialize-sqlite.js";

/** The callbacks of the last minutes, in the database: known again by their signature, never by the nonce alone. */
export function receipts(database: DataSource): Receipts {
  const rows = database.getRepository<ReceiptRow>("receipt");
  return {
    insert: (receipt) => unlessTaken(rows.insert(receipt).then(() => true)),
    findByUuid: (authyUuid) => rows.findOne({ where: { authyUuid }, order: { receivedAt: "ASC" } }),
  };
}
