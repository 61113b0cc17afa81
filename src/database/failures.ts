import { MoreThan } from "typeorm";

import { type Failures, secondsToWait } from "../domain/failures.js";
import type { FailureRow, RowSource } from "./schema.js";

/** Failures by bucket, in the database: they survive Redis, and no limiter of theirs fails open. */
export function failures(database: RowSource): Failures {
  const rows = database.getRepository<FailureRow>("failure");
  /** What could not be given back while the database was away: right passwords must not add up to a wait. */
  const owed: string[] = [];
  const giveBack = async (bucket: string): Promise<void> => {
    try {
      await rows.decrement({ bucket, count: MoreThan(0) }, "count", 1);
    } catch (error) {
      owed.push(bucket);
      throw error;
    }
  };
  return {
    giveBack,
    async take(bucket, now, limits) {
      for (let each = owed.shift(); each !== undefined; each = owed.shift()) await giveBack(each);
      // One statement for each count that was read: a try that another one overtook looks again.
      for (;;) {
        const row = await rows.findOneBy({ bucket });
        if (row === null) {
          await rows.createQueryBuilder().insert().values({ bucket, count: 0, lastAt: now }).orIgnore().execute();
          continue;
        }
        const wait = secondsToWait(row.count, row.lastAt, now, limits);
        if (wait > 0) return wait;
        const { affected } = await rows.update({ bucket, count: row.count }, { count: row.count + 1, lastAt: now });
        if (affected === 1) return null;
      }
    },
    async clear(bucket) {
      await rows.delete({ bucket });
    },
  };
}
