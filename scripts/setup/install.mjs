import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { say, SetupError } from "./messages.mjs";
import { run } from "./run.mjs";
import { installCompiler } from "./test-programs.mjs";

/**
 * Runs `npm ci` in `folder` when its node_modules is missing, is not what package-lock.json says, or holds an SQLite
 * that this Node.js cannot load. Does nothing where there is no lock file.
 */
export async function installWhenStale(folder, { mayInstallCompiler = false } = {}) {
  if (!existsSync(path.join(folder, "package-lock.json"))) return;
  const top = folder === ".";
  if (matchesLock(folder) && (!top || sqliteLoads())) return;
  say(
    top
      ? "Installing the packages (npm ci). The first time this takes a minute or three: SQLite may have to be compiled…"
      : `Installing the packages of ${folder}…`,
  );
  const install = () => npm(["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error", ...where(folder)]);
  let code = await install();
  if (code !== 0 && mayInstallCompiler && (await installCompiler())) code = await install();
  if (code !== 0 || (top && !sqliteLoads())) {
    throw new SetupError(
      "The packages could not be installed; the lines above say why. Without a prebuilt SQLite for this system, " +
        "python3, make and a C++ compiler have to be there (Debian: apt-get install python3 make g++).",
    );
  }
}

function where(folder) {
  return folder === "." ? [] : ["--prefix", folder, "--ignore-scripts"];
}

/** npm keeps what it installed in node_modules/.package-lock.json; packages for other systems are missing there by right. */
function matchesLock(folder) {
  const installed = packagesIn(path.join(folder, "node_modules", ".package-lock.json"));
  const wanted = packagesIn(path.join(folder, "package-lock.json"));
  if (installed === undefined || wanted === undefined) return false;
  const right = Object.entries(wanted).every(([at, entry]) => {
    if (at === "") return true;
    const there = installed[at];
    if (there === undefined) return entry.optional === true || entry.devOptional === true;
    return there.version === entry.version && there.integrity === entry.integrity;
  });
  return right && Object.keys(installed).every((at) => at in wanted);
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * The one package that is compiled for one version of Node.js: another version cannot load it. Asked in a process of its
 * own, for one that has failed to load it once goes on failing.
 */
function sqliteLoads() {
  const script = 'new (require("better-sqlite3"))(":memory:").close()';
  return spawnSync(process.execPath, ["-e", script], { stdio: "ignore" }).status === 0;
}

function npm(args) {
  const cli = process.env["npm_execpath"];
  const env = { ...process.env, ...ownHeaders() };
  const options = { env, what: "installing" };
  return cli !== undefined && /npm-cli\.c?js$/.test(cli)
    ? run(process.execPath, [cli, ...args], options)
    : run("npm", args, options);
}

/**
 * Node's headers often lie beside Node itself: compiling against them needs no download. The first name is for npm 10,
 * the second for newer ones.
 */
function ownHeaders() {
  const nodeFolder = path.resolve(path.dirname(process.execPath), "..");
  try {
    const text = readFileSync(path.join(nodeFolder, "include/node/node_version.h"), "utf8");
    const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
    if ([part("MAJOR"), part("MINOR"), part("PATCH")].join(".") !== process.versions.node) return {};
    return { npm_config_nodedir: nodeFolder, npm_package_config_node_gyp_nodedir: nodeFolder };
  } catch {
    return {};
  }
}
