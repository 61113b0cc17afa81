import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { findOnPath } from "./find-program.js";

/** The shell is the same browser without the windows that nobody sees here: a page costs half as much. */
const CHROMIUM = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const CHROME_ON_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
/** Debian and Homebrew keep PostgreSQL's server off the PATH. */
const POSTGRES_FOLDERS = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];

/** The system's Chromium or Chrome. @throws when there is none. */
export function findChromium(): string {
  const found = findOnPath(CHROMIUM) ?? (existsSync(CHROME_ON_MAC) ? CHROME_ON_MAC : undefined);
  if (found === undefined) throw new Error("there is no Chromium on PATH");
  return found;
}

/** The folder that holds `initdb` and `postgres`, the newest version first. @throws when there is none. */
export function findPostgres(): string {
  const versions = POSTGRES_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^(postgresql@)?\d+$/.test(name))
      .sort((a, b) => Number(b.replace(/\D/g, "")) - Number(a.replace(/\D/g, "")))
      .map((name) => path.join(folder, name, "bin", "initdb")),
  );
  const initdb = versions.find((file) => existsSync(file)) ?? findOnPath(["initdb"]);
  if (initdb === undefined) throw new Error("there is no PostgreSQL server on this machine");
  return path.dirname(initdb);
}

/** PgBouncer, which Debian keeps where only root's PATH leads. @throws when there is none. */
export function findPgBouncer(): string {
  const found = findOnPath(["pgbouncer"], `${process.env["PATH"] ?? ""}:/usr/sbin`);
  if (found === undefined) throw new Error("there is no PgBouncer on this machine");
  return found;
}
