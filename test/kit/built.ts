import { spawnSync } from "node:child_process";

let built: { status: number | null; stderr: string } | undefined;

/** Compiles what has changed, so that processes started from dist/ are the sources that the test sees. */
export function ensureBuilt(): void {
  built ??= spawnSync(process.execPath, ["scripts/setup.mjs", "build"], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stderr}`);
}
