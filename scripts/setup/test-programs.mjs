import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { say, SetupError } from "./messages.mjs";
import { run } from "./run.mjs";

/** What the tests run for real, and what each package manager calls it. */
const PROGRAMS = [
  {
    name: "Redis",
    commands: ["redis-server", "valkey-server"],
    packages: { "apt-get": ["redis-server"], dnf: ["redis"], apk: ["redis"], pacman: ["valkey"], brew: ["redis"] },
  },
  {
    name: "Chromium",
    commands: ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    files: ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
    packages: {
      "apt-get": ["chromium", "fonts-liberation"],
      dnf: ["chromium"],
      apk: ["chromium", "font-liberation"],
      pacman: ["chromium"],
      brew: ["--cask", "google-chrome"],
    },
  },
  {
    name: "PostgreSQL",
    commands: ["initdb"],
    folders: postgresFolders,
    packages: {
      "apt-get": ["postgresql"],
      dnf: ["postgresql-server"],
      apk: ["postgresql"],
      pacman: ["postgresql"],
      brew: ["postgresql@17"],
    },
  },
  {
    name: "PgBouncer",
    commands: ["pgbouncer"],
    // Debian keeps it where only root's PATH leads.
    folders: () => ["/usr/sbin"],
    packages: {
      "apt-get": ["pgbouncer"],
      dnf: ["pgbouncer"],
      apk: ["pgbouncer"],
      pacman: ["pgbouncer"],
      brew: ["pgbouncer"],
    },
  },
];

const COMPILER = {
  name: "a C++ compiler",
  packages: {
    "apt-get": ["python3", "make", "g++"],
    dnf: ["python3", "make", "gcc-c++"],
    apk: ["python3", "make", "g++"],
    pacman: ["python", "make", "gcc"],
  },
};

/**
 * What each manager needs to install without a question. Debian would start the servers it installs, and create a
 * PostgreSQL cluster: the tests start their own, so both are switched off while it works, and nothing stays running.
 */
const INSTALL = {
  "apt-get": `
    export DEBIAN_FRONTEND=noninteractive
    made=
    cleanup() { [ -z "$made" ] || rm -f $made; }
    trap cleanup EXIT
    put() { [ -e "$1" ] || { mkdir -p "$(dirname "$1")"; printf "$2" > "$1"; chmod 755 "$1"; made="$made $1"; }; }
    put /usr/sbin/policy-rc.d '#!/bin/sh\\nexit 101\\n'
    put /etc/postgresql-common/createcluster.d/no-main-cluster.conf 'create_main_cluster = false\\n'
    apt-get -o DPkg::Lock::Timeout=120 -q update
    for package; do
      shift
      # Debian has the browser without its windows, too: smaller, and enough.
      [ "$package" != chromium ] || ! apt-cache show chromium-headless-shell > /dev/null 2>&1 || package=chromium-headless-shell
      set -- "$@" "$package"
    done
    apt-get -o DPkg::Lock::Timeout=120 -q -y --no-install-recommends install "$@"`,
  dnf: 'dnf -y install "$@"',
  apk: 'apk add --no-progress "$@"',
  pacman: 'pacman -Sy --noconfirm --needed "$@"',
  brew: 'HOMEBREW_NO_AUTO_UPDATE=1 brew install "$@"',
};

/** Installs the programs that the tests need and this machine lacks, where that can be done without asking. */
export async function installTestPrograms() {
  const missing = PROGRAMS.filter((program) => !isThere(program));
  if (missing.length > 0) await installPackagesOf(missing);
}

/** @throws SetupError with one sentence that says what to install. */
export function needTestPrograms() {
  const missing = PROGRAMS.filter((program) => !isThere(program));
  if (missing.length === 0) return;
  const manager = systemManager();
  const how = manager === undefined ? "" : `: ${manager} install ${packagesOf(missing, manager).join(" ")}`;
  throw new SetupError(
    `The tests need ${missing.map((p) => p.name).join(" and ")} on this machine; please install it${how}.`,
  );
}

/** @returns whether a compiler was missing and could be installed, so that another try makes sense. */
export async function installCompiler() {
  if (["python3", "make", "g++"].every((command) => onPath(command))) return false;
  return installPackagesOf([COMPILER]);
}

async function installPackagesOf(programs) {
  const manager = systemManager();
  const root = rootPrefix(manager);
  if (manager === undefined || root === undefined) return false;
  const packages = packagesOf(programs, manager);
  say(`Installing ${programs.map((p) => p.name).join(", ")} with ${manager} (${packages.join(" ")})…`);
  const command = [...root, "sh", "-c", `set -e\n${INSTALL[manager]}`, "install", ...packages];
  return (await run(command[0], command.slice(1), { what: "installing" })) === 0;
}

function packagesOf(programs, manager) {
  return programs.flatMap((program) => program.packages[manager] ?? []);
}

function systemManager() {
  return Object.keys(INSTALL).find((command) => onPath(command));
}

/** @returns what to put before a command so that it may install; nothing when it would have to ask for a password. */
function rootPrefix(manager) {
  if (manager === "brew" || process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : undefined;
}

function isThere({ commands, files = [], folders = () => [] }) {
  return commands.some((command) => onPath(command, folders())) || files.some((file) => existsSync(file));
}

function onPath(command, more = []) {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), ...more];
  return folders.some((folder) => isExecutable(path.join(folder, command)));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Debian and Homebrew keep the servers' programs off the PATH. */
function postgresFolders() {
  const versions = (parent, pattern) =>
    existsSync(parent)
      ? readdirSync(parent)
          .filter((name) => pattern.test(name))
          .map((name) => path.join(parent, name, "bin"))
      : [];
  return [
    ...versions("/usr/lib/postgresql", /^\d+$/),
    ...versions("/opt/homebrew/opt", /^postgresql@\d+$/),
    ...versions("/usr/local/opt", /^postgresql@\d+$/),
  ];
}
