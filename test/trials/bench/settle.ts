import { randomUUID } from "node:crypto";
import path from "node:path";
import Database from "better-sqlite3";

import { challenges } from "../../../src/database/challenges.js";
import { openDatabase } from "../../../src/database/data-source.js";
import { compare, type Comparison } from "./compare.js";

/** A pending challenge of nobody, for work on its row alone. */
export function pendingChallenge(id: string, providerRef: string) {
  const createdAt = new Date();
  return {
    id,
    attemptId: id,
    subscriberId: id,
    factorId: id,
    browserHash: id,
    isKnownBrowser: true,
    providerId: "246813579",
    providerRef,
    state: "pending" as const,
    matchCodeHash: null,
    failure: null,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + 3_600_000),
    nextPollAt: null,
  };
}

/** The guarded write that gives a challenge its outcome, against the same statement on the bare driver. */
export async function settle(folder: string): Promise<Comparison> {
  const file = path.join(folder, "settle.sqlite");
  const database = await openDatabase(`sqlite:${file}`);
  await database.runMigrations();
  const rows = challenges(database);
  const rounds = 7;
  const count = 300;
  const ids: string[] = [];
  for (let at = 0; at < 2 * (rounds + 1) * count; at += 1) {
    const id = randomUUID();
    ids.push(id);
    await rows.insert(pendingChallenge(id, id));
  }
  const bare = new Database(file, { timeout: 1000 });
  bare.pragma("synchronous = NORMAL");
  const statement = bare.prepare(
    "UPDATE challenges SET state = 'approved', settled_at = ?, version = version + 1 WHERE id = ? AND state = 'pending' AND expires_at > ?",
  );
  try {
    return await compare(
      { name: "settle", what: "guarded write of an outcome, through the ORM", baseline: "the same on the bare driver" },
      {
        async ours(n) {
          for (const id of ids.splice(0, n))
            if (!(await rows.settle(id, "approved", "callback", new Date()))) throw new Error("lost");
        },
        bare(n) {
          for (const id of ids.splice(0, n)) {
            const now = new Date().toISOString().replace("T", " ").replace("Z", "");
            if (statement.run(now, id, now).changes !== 1) throw new Error("lost");
          }
        },
      },
      { rounds, count },
    );
  } finally {
    bare.close();
    await database.destroy();
  }
}
