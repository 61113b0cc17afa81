import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { freePort } from "./ports.js";
import { findPostgres } from "./find-programs.js";
import { type Owner } from "./owner.js";

const READY_WITHIN_MS = 20_000;
const SUPERUSER = "countersign";

/** A PostgreSQL cluster of the test's own. */
export interface TestPostgres {
  /** A new empty database. @returns its address, for DATABASE_URL. */
  createDatabase(): Promise<string>;
  /** Ends it at once, without a checkpoint, as when the machine loses power. */
  kill(): Promise<void>;
  /** After `kill`: the same address and data. */
  restart(): Promise<void>;
}

/** Creates a cluster in a temporary folder and starts it on a free port. It writes without waiting for the disk. */
export async function startPostgres(owner: Owner): Promise<TestPostgres> {
  const programs = findPostgres();
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-postgres-"));
  const cluster = path.join(folder, "cluster");
  const port = await freePort();
  const account = accountToRunAs();
  let server: ChildProcess | undefined;
  owner.after(async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid);

  const made = spawnSync(
    path.join(programs, "initdb"),
    ["-D", cluster, "-U", SUPERUSER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"],
    { ...account, cwd: folder, encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`initdb failed:\n${made.stdout}${made.stderr}`);

  async function start(): Promise<void> {
    // Commits are written before they are answered, though not to the disk: they outlive a kill, not a power cut.
    const off = ["fsync=off", "full_page_writes=off", "unix_socket_directories="];
    const settings = ["listen_addresses=127.0.0.1", `port=${port}`, ...off].flatMap((each) => ["-c", each]);
    const output: string[] = [];
    server = spawn(path.join(programs, "postgres"), ["-D", cluster, ...settings], {
      ...account,
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    server.stderr?.on("data", (part) => output.push(String(part)));
    const deadline = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadline && server.exitCode === null) {
      if (await asSuperuser((client) => client.query("SELECT 1"))) return;
      await delay(50);
    }
    throw new Error(`PostgreSQL did not start:\n${output.join("")}`);
  }

  async function kill(): Promise<void> {
    const ending = server;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once("exit", resolve));
    // PostgreSQL's immediate shutdown: after a SIGKILL its children would live on for a while.
    ending.kill("SIGQUIT");
    await ended;
  }

  /** @returns whether it could be done. */
  async function asSuperuser(work: (client: pg.Client) => Promise<unknown>): Promise<boolean> {
    const client = new pg.Client({ host: "127.0.0.1", port, user: SUPERUSER, database: "postgres" });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await work(client);
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  await start();
  let databases = 0;
  return {
    kill,
    async restart() {
      await kill();
      await start();
    },
    async createDatabase() {
      const name = `test_${++databases}`;
      const isMade = await asSuperuser((client) => client.query(`CREATE DATABASE ${name}`));
      if (!isMade) throw new Error(`the database ${name} could not be created`);
      return `postgres://${SUPERUSER}@127.0.0.1:${port}/${name}`;
    },
  };
}

/** PostgreSQL refuses to run as root: then it runs as its own account, or as nobody. */
function accountToRunAs(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((what) => spawnSync("id", [what, name], { encoding: "utf8" }).stdout.trim());
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("there is no account but root to run PostgreSQL");
}
