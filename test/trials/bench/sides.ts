import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { needProgram } from "../../../scripts/setup/find-programs.mjs";
import type { Owner } from "../../kit/owner.js";
import { startPrivateRedis } from "../../kit/private-redis.js";
import { startBare, startProduct } from "./servers.js";
import type { Sides } from "./turns.js";

/** Starts the bare server and the product on one Redis of their own. They end with their owner. */
export async function startSides(owner: Owner): Promise<Sides> {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-bench-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startPrivateRedis(needProgram("redis"), path.join(folder, "redis"));
  owner.after(() => redis.stop());
  const ground = { folder, redisUrl: redis.url };
  const bare = await startBare(owner, ground);
  return { bare, product: await startProduct(owner, ground, `sqlite:${folder}/bench.sqlite`) };
}
