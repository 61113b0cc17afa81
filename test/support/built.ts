import { spawnSync } from "node:child_process";

let isBuilt = false;

/** Compiles what has changed, so that processes started from dist/ are the sources that the test sees. */
export function ensureBuilt(): void {
  if (isBuilt) return;
  const { status, stderr } = spawnSync(process.execPath, ["scripts/setup.mjs", "build"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the build failed:\n${stderr}`);
  isBuilt = true;
}
