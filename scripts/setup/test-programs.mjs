import { spawnSync } from "node:child_process";
import process from "node:process";
import { findProgram, onPath, PROGRAMS } from "./find-programs.mjs";
import { say, SetupError } from "./messages.mjs";
import { run } from "./run.mjs";

/** What each package manager calls the programs that the tests need, and what compiles SQLite. */
const PACKAGES = {
  redis: { "apt-get": "redis-server", dnf: "redis", apk: "redis", pacman: "valkey", brew: "redis" },
  chromium: {
    ...{ "apt-get": "chromium fonts-liberation", dnf: "chromium", apk: "chromium font-liberation", pacman: "chromium" },
    brew: "--cask google-chrome",
  },
  wholeChromium: {
    ...{ "apt-get": "chromium fonts-liberation", dnf: "chromium", apk: "chromium font-liberation", pacman: "chromium" },
    brew: "--cask google-chrome",
  },
  firefox: {
    ...{ "apt-get": "firefox-esr", dnf: "firefox", apk: "firefox", pacman: "firefox" },
    brew: "--cask firefox",
  },
  postgres: {
    ...{ "apt-get": "postgresql", dnf: "postgresql-server", apk: "postgresql", pacman: "postgresql" },
    brew: "postgresql@17",
  },
  pgbouncer: { "apt-get": "pgbouncer", dnf: "pgbouncer", apk: "pgbouncer", pacman: "pgbouncer", brew: "pgbouncer" },
  nginx: { "apt-get": "nginx", dnf: "nginx", apk: "nginx", pacman: "nginx", brew: "nginx" },
  caddy: { "apt-get": "caddy", dnf: "caddy", apk: "caddy", pacman: "caddy", brew: "caddy" },
  haproxy: { "apt-get": "haproxy", dnf: "haproxy", apk: "haproxy", pacman: "haproxy", brew: "haproxy" },
  prometheus: {
    ...{ "apt-get": "prometheus", dnf: "golang-github-prometheus", apk: "prometheus", pacman: "prometheus" },
    brew: "prometheus",
  },
  systemd: { "apt-get": "systemd", dnf: "systemd", pacman: "systemd" },
  apache: { "apt-get": "apache2-bin libapache2-mod-auth-openidc" },
  postfix: { "apt-get": "postfix", dnf: "postfix", apk: "postfix", pacman: "postfix" },
  authlib: { "apt-get": "python3-authlib python3-requests" },
  compiler: {
    ...{ "apt-get": "python3 make g++", dnf: "python3 make gcc-c++", apk: "python3 make g++" },
    pacman: "python make gcc",
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
      set -- "$@" "$package"
      # Debian has the browser without its windows, too: its pages cost half as much.
      [ "$package" != chromium ] || ! apt-cache show chromium-headless-shell > /dev/null 2>&1 || set -- "$@" chromium-headless-shell
    done
    apt-get -o DPkg::Lock::Timeout=120 -q -y --no-install-recommends install "$@"`,
  dnf: 'dnf -y install "$@"',
  apk: 'apk add --no-progress "$@"',
  pacman: 'pacman -Sy --noconfirm --needed "$@"',
  brew: 'HOMEBREW_NO_AUTO_UPDATE=1 brew install "$@"',
};

/**
 * Installs the programs that the tests need and this machine lacks, where that can be done without asking.
 *
 * @param withLong - Whether tests may run that `npm test` leaves out.
 */
export async function installTestPrograms(withLong) {
  const missing = missingPrograms(withLong);
  if (missing.length > 0) await installPackagesOf(missing, namesOf(missing));
}

/** @throws SetupError with one sentence that says what to install. */
export function needTestPrograms(withLong) {
  const missing = missingPrograms(withLong);
  if (missing.length === 0) return;
  const manager = systemManager();
  const how = manager === undefined ? "" : `: ${manager} install ${packagesOf(missing, manager).join(" ")}`;
  throw new SetupError(`The tests need ${namesOf(missing)} on this machine; please install it${how}.`);
}

/** @returns whether a compiler was missing and could be installed, so that another try makes sense. */
export async function installCompiler() {
  if (["python3", "make", "g++"].every((command) => onPath(command))) return false;
  return installPackagesOf(["compiler"], "a C++ compiler");
}

function missingPrograms(withLong) {
  return Object.keys(PROGRAMS).filter(
    (name) => (withLong || PROGRAMS[name].onlyLong !== true) && findProgram(name) === undefined,
  );
}

function namesOf(programs) {
  return programs.map((program) => PROGRAMS[program].name).join(" and ");
}

async function installPackagesOf(programs, names) {
  const manager = systemManager();
  const root = rootPrefix(manager);
  if (manager === undefined || root === undefined) return false;
  const packages = packagesOf(programs, manager);
  say(`Installing ${names} with ${manager} (${packages.join(" ")})…`);
  const command = [...root, "sh", "-c", `set -e\n${INSTALL[manager]}`, "install", ...packages];
  return (await run(command[0], command.slice(1), { what: "installing" })) === 0;
}

function packagesOf(programs, manager) {
  return programs.flatMap((program) => PACKAGES[program][manager]?.split(" ") ?? []);
}

function systemManager() {
  return Object.keys(INSTALL).find((command) => onPath(command));
}

/** @returns what to put before a command so that it may install; nothing when it would have to ask for a password. */
function rootPrefix(manager) {
  if (manager === "brew" || process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : undefined;
}
