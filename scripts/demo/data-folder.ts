import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { stopLeftRedis } from "../../test/kit/private-redis.js";
import { isLocked, takeLock } from "../setup/lock.mjs";

const ONCE = "once-";

/** A folder that belongs to this demo alone until it is released, or its process ends. */
export interface DataFolder {
  readonly path: string;
  release(): void;
}

/**
 * The folder of a demo that keeps its data: `root`, or `demo-2`, `demo-3` … in it while other demos use the ones before.
 */
export async function claimDataFolder(root: string): Promise<DataFolder> {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? root : path.join(root, `demo-${number}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = await takeLock(lockOf(folder));
    if (lock !== "taken") return { path: folder, release: () => lock?.close() };
  }
}

/** A new folder in `root` for one story. */
export async function temporaryDataFolder(root: string): Promise<DataFolder> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(path.join(root, ONCE));
  const lock = await takeLock(lockOf(folder));
  return { path: folder, release: () => lock !== "taken" && lock?.close() };
}

/** Removes from `root` what stories that were killed, or failed and left their logs, have left behind. */
export async function removeLeftFolders(root: string): Promise<void> {
  for (const name of existsSync(root) ? readdirSync(root).filter((each) => each.startsWith(ONCE)) : []) {
    const folder = path.join(root, name);
    if (await isLocked(lockOf(folder))) continue;
    await stopLeftRedis(path.join(folder, "redis"));
    rmSync(folder, { recursive: true, force: true });
  }
}

function lockOf(folder: string): string {
  return path.join(folder, "demo.sock");
}
