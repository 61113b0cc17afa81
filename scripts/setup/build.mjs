import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { say, SetupError } from "./messages.mjs";
import { run } from "./run.mjs";

const STAMP = "dist/.built-from.json";
const SOURCES = [
  "src",
  "workers",
  "scripts/migrate.ts",
  "scripts/admin.ts",
  "ormconfig.ts",
  "tsconfig.json",
  "tsconfig.build.json",
  "package-lock.json",
];

/** Compiles into dist/ unless every source is as it was at the last build. */
export async function buildWhenStale() {
  const sources = stateOfSources();
  const built = readStamp();
  if (JSON.stringify(sources) === JSON.stringify(built)) return;
  // What is left of a removed source would still be found by name, a migration for instance.
  if (Object.keys(built).some((file) => !(file in sources))) rmSync("dist", { recursive: true, force: true });
  rmSync(STAMP, { force: true });
  say("Building…");
  const tsc = ["node_modules/typescript-native/bin/tsc", "-p", "tsconfig.build.json"];
  const code = await run(process.execPath, [...tsc, "--incremental", "--tsBuildInfoFile", "dist/.tsbuildinfo"], {
    what: "building",
  });
  if (code !== 0) throw new SetupError("The build failed; the lines above say where.");
  writeFileSync(STAMP, JSON.stringify(sources));
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, "utf8"));
  } catch {
    return {};
  }
}

function stateOfSources() {
  const state = {};
  const visit = (file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (found.isDirectory()) for (const name of readdirSync(file).sort()) visit(path.posix.join(file, name));
    else state[file] = `${found.size}:${found.mtimeMs}`;
  };
  SOURCES.forEach(visit);
  return state;
}
