import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";
import { freePort } from "./ports.js";
import { accountToRunAs, type TestPostgres } from "./postgres.js";

const READY_WITHIN_MS = 10_000;

/** A PgBouncer in front of a test's PostgreSQL. */
export interface TestPgBouncer {
  /** @returns the address of the same database through PgBouncer. */
  through(databaseUrl: string): string;
}

/**
 * Starts PgBouncer with its defaults but for the mode: what it is not told to ignore, it refuses.
 *
 * @param more - Other lines of its settings.
 */
export async function startPgBouncer(
  owner: Owner,
  { port: serverPort }: TestPostgres,
  mode: "session" | "transaction",
  more: readonly string[] = [],
): Promise<TestPgBouncer> {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-pgbouncer-"));
  const port = await freePort();
  const account = accountToRunAs();
  const settings = [
    "[databases]",
    `* = host=127.0.0.1 port=${serverPort}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = trust",
    `auth_file = ${folder}/users`,
    `pool_mode = ${mode}`,
    ...more,
  ];
  writeFileSync(path.join(folder, "pgbouncer.ini"), settings.join("\n"));
  writeFileSync(path.join(folder, "users"), '"countersign" ""\n');
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid);

  const output: string[] = [];
  const server: ChildProcess = spawn(needProgram("pgbouncer"), [path.join(folder, "pgbouncer.ini")], {
    ...account,
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  server.stderr?.on("data", (part) => output.push(String(part)));
  const ended = new Promise((resolve) => server.once("exit", resolve));
  owner.after(async () => {
    server.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await answers(port))) {
    if (Date.now() > deadline || server.exitCode !== null)
      throw new Error(`PgBouncer did not start:\n${output.join("")}`);
    await delay(20);
  }
  return {
    through(databaseUrl) {
      const url = new URL(databaseUrl);
      url.port = String(port);
      return url.href;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "countersign", database: "postgres" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
