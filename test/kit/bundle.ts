import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { buildSync } from "esbuild";

import { ensureBuilt } from "./built.js";

const BUNDLES = ".data/cache/bundles";
/** The scripts of the processes that tests start most. */
const SCRIPTS = ["dist/src/server.js", "dist/workers/index.js", "dist/scripts/admin.js"];
/** They load machine code, or a file beside them. */
const EXTERNAL = [
  "better-sqlite3",
  "@node-rs/argon2",
  "@node-rs/bcrypt",
  "msgpackr-extract",
  "pg-native",
  "@zxcvbn-ts/*",
];
/** What CommonJS modules find in their scope. */
const SCOPE = `import { createRequire } from "node:module";
const require = createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`;

let folder: string | undefined;

/**
 * The same process in one file with nearly all that it imports: it starts in half the time, which is most of what many
 * tests take. What people start, dist/ as it is, has tests of its own.
 *
 * @param script - One of dist/; built when stale.
 * @returns the script to start instead.
 */
export function bundleOf(script: string): string {
  ensureBuilt();
  folder ??= bundled(readFileSync("dist/.built-from.json"));
  return path.join(folder, path.relative("dist", script));
}

function bundled(builtFrom: Buffer): string {
  const ready = path.join(BUNDLES, createHash("sha256").update(builtFrom).digest("hex").slice(0, 16));
  if (existsSync(ready)) return ready;
  mkdirSync(BUNDLES, { recursive: true });
  const making = mkdtempSync(path.join(BUNDLES, "making-"));
  buildSync({
    entryPoints: SCRIPTS,
    outbase: "dist",
    outdir: making,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    keepNames: true,
    external: EXTERNAL,
    banner: { js: SCOPE },
    logLevel: "error",
  });
  try {
    renameSync(making, ready);
  } catch (error) {
    // Another process of the tests was first.
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(ready)) throw error;
  }
  for (const name of readdirSync(BUNDLES))
    if (name !== path.basename(ready) && !name.startsWith("making-"))
      rmSync(path.join(BUNDLES, name), { recursive: true, force: true });
  return ready;
}
