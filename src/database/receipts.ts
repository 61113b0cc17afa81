import type { Receipts } from "../domain/deps.js";
import { unlessTaken } from "./one-row.js";
import type { ReceiptRow, RowSource } from "./schema.js";

/** The callbacks of the last minutes, in the database: known again by their signature, never by the nonce alone. */
export function receipts(database: RowSource): Receipts {
  const rows = database.getRepository<ReceiptRow>("receipt");
  return {
    insert: (receipt) => unlessTaken(rows.insert(receipt)),
    findByProviderRef: (providerRef) => rows.findOne({ where: { providerRef }, order: { receivedAt: "ASC" } }),
  };
}
