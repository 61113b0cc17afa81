import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const FOLDERS = ["test", "sandbox/test"];
/** Whoever imports one of these starts other processes. */
const STARTERS = ["node:child_process", "playwright-core"];
/** Packages of others beside which ours is tried: the quick run does not install them. */
const LIBRARIES = "sandbox/test/libraries/";

/**
 * What `npm test` leaves to `npm test -- long`, so that it stays short enough to be run often: the servers around us that fail
 * in every way, our own restarts, the commands started as people do, other programs that use the sign-in, the phone's camera
 * and lock, and stories that are told again with another factor.
 */
const LONG = new Set([
  "sandbox/test/malformed.test.ts",
  "sandbox/test/page.test.ts",
  "test/browser/pages/every-language.test.ts",
  "test/database/migrate-at-once.test.ts",
  "test/database/plans.test.ts",
  "test/deploy/image.test.ts",
  "test/deploy/platform.test.ts",
  "test/deploy/prometheus.test.ts",
  "test/deploy/proxies.test.ts",
  "test/deploy/systemd.test.ts",
  "test/deploy/traces.test.ts",
  "test/journeys/authenticator-app.test.ts",
  "test/journeys/languages.test.ts",
  "test/journeys/moving.test.ts",
  "test/journeys/openid-clients.test.ts",
  "test/journeys/own-phone.test.ts",
  "test/mail/postfix.test.ts",
  "test/providers/passkey/real-browser.test.ts",
  "test/providers/phone/page.test.ts",
  "test/reliability/authy.test.ts",
  "test/reliability/database.test.ts",
  "test/reliability/full-disk.test.ts",
  "test/reliability/half-sent.test.ts",
  "test/reliability/many-streams.test.ts",
  "test/reliability/pgbouncer.test.ts",
  "test/reliability/polling.test.ts",
  "test/reliability/postgres-promoted.test.ts",
  "test/reliability/postgres-refuses.test.ts",
  "test/reliability/redis-cluster.test.ts",
  "test/reliability/redis-refuses.test.ts",
  "test/reliability/redis-rights.test.ts",
  "test/reliability/redis-sentinel.test.ts",
  "test/reliability/redis.test.ts",
  "test/reliability/restarts.test.ts",
  "test/reliability/slow-clients.test.ts",
  "test/reliability/storm-applications.test.ts",
  "test/reliability/worker.test.ts",
  "test/rules/openid-tokens-postgres.test.ts",
  "test/scripts/backup.test.ts",
  "test/scripts/demo.test.ts",
  "test/scripts/doctor.test.ts",
  "test/scripts/machine-output.test.ts",
  "test/scripts/setup.test.ts",
  "test/trials/attack/short-applications.test.ts",
  "test/trials/bench/rows.test.ts",
  "test/trials/mail/short.test.ts",
]);

/** Whether `npm test` runs a file only when it is asked for. */
export function isLong(file: string): boolean {
  return LONG.has(file);
}

/** All test files, as paths from the top of the repository. */
export function findTestFiles(): string[] {
  const names = (folder: string) => readdirSync(folder, { recursive: true, encoding: "utf8" });
  return FOLDERS.flatMap((folder) => names(folder).map((name) => path.posix.join(folder, name)))
    .filter((file) => file.endsWith(".test.ts") && !file.includes("node_modules"))
    .sort();
}

/**
 * Whether a test file needs no process but its own, and no packages but ours: nothing that it imports, however far away, starts
 * one or loads others. What it asks for with `await import(…)` doesn't count.
 */
export function needsNothingElse(file: string): boolean {
  return !needsMore(file, new Set());
}

function needsMore(file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false;
  seen.add(file);
  const text = readFileSync(file, "utf8");
  if (text.includes(LIBRARIES)) return true;
  const from = Array.from(text.matchAll(/^(?:import|export) [^;]*?from "([^"]+)";/gm), ([, name = ""]) => name);
  if (from.some((name) => STARTERS.includes(name))) return true;
  return from
    .filter((name) => name.startsWith("."))
    .map((name) => path.posix.join(path.posix.dirname(file), name).replace(/\.js$/, ".ts"))
    .some((each) => existsSync(each) && needsMore(each, seen));
}
