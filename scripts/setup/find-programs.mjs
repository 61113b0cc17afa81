import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";

/** What the tests run for real: its commands, and where they lie when not on the PATH. */
export const PROGRAMS = {
  redis: { name: "Redis", commands: ["redis-server", "valkey-server"] },
  chromium: {
    name: "Chromium",
    // The shell is the same browser without the windows that nobody sees here: a page costs half as much.
    commands: ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    elsewhere: () => ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
  },
  // Only the whole browser has push messages.
  wholeChromium: {
    name: "Chromium with its push messages",
    commands: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    elsewhere: () => ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
  },
  firefox: {
    name: "Firefox",
    commands: ["firefox-esr", "firefox"],
    elsewhere: () => ["/Applications/Firefox.app/Contents/MacOS/firefox"],
  },
  // Debian and Homebrew keep the server's programs off the PATH.
  postgres: { name: "PostgreSQL", commands: ["initdb"], elsewhere: initdbs },
  // Debian keeps it where only root's PATH leads.
  pgbouncer: { name: "PgBouncer", commands: ["pgbouncer"], elsewhere: () => ["/usr/sbin/pgbouncer"] },
  nginx: { name: "nginx", commands: ["nginx"], elsewhere: () => ["/usr/sbin/nginx"] },
  caddy: { name: "Caddy", commands: ["caddy"] },
  haproxy: { name: "HAProxy", commands: ["haproxy"], elsewhere: () => ["/usr/sbin/haproxy"] },
  // `npm test` alone goes without the ones that only long tests run.
  prometheus: { name: "Prometheus", commands: ["prometheus"], onlyLong: true },
  systemd: { name: "systemd", commands: ["systemd-analyze"], onlyLong: true },
  apache: { name: "Apache", commands: ["apache2"], elsewhere: () => ["/usr/sbin/apache2"], onlyLong: true },
  // Its own programs lie in a folder of their own, and its server is `master`.
  postfix: {
    name: "Postfix",
    commands: [],
    elsewhere: () => ["/usr/lib/postfix/sbin/master", "/usr/libexec/postfix/master"],
    onlyLong: true,
  },
  authlib: {
    name: "Python with authlib",
    commands: ["python3"],
    elsewhere: () => ["/usr/bin/python3"],
    proof: ["-c", "import authlib, requests"],
    onlyLong: true,
  },
};

/** The full path of one of PROGRAMS; undefined when this machine lacks it. */
export function findProgram(name) {
  const { commands, elsewhere = () => [], proof } = PROGRAMS[name];
  const programs = [...commands.map(onPath), ...elsewhere()].filter((each) => each !== undefined && isExecutable(each));
  // Where it has to bring a module it is not there without.
  return programs.find((each) => proof === undefined || spawnSync(each, proof).status === 0);
}

/** The same where it has to be there. @throws when this machine lacks it. */
export function needProgram(name) {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`there is no ${PROGRAMS[name].name} on this machine`);
  return found;
}

/** The full path of a command on the PATH. */
export function onPath(command) {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.join(folder, command)).find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The newest version first. */
function initdbs() {
  const versions = (folder) => (existsSync(folder) ? readdirSync(folder) : []).map((name) => path.join(folder, name));
  const number = (folder) => Number(/^(?:postgresql@)?(\d+)$/.exec(path.basename(folder))?.[1] ?? 0);
  return ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"]
    .flatMap(versions)
    .filter((folder) => number(folder) > 0)
    .sort((one, other) => number(other) - number(one))
    .map((folder) => path.join(folder, "bin", "initdb"));
}
