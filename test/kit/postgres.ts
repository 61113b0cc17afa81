import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { freePort } from "./ports.js";
import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";

const READY_WITHIN_MS = 20_000;
const SUPERUSER = "countersign";

/** A PostgreSQL cluster of the test's own. */
export interface TestPostgres {
  readonly port: number;
  /** Where its socket is. */
  readonly folder: string;
  /** A new empty database. @returns its address, for DATABASE_URL. */
  createDatabase(): Promise<string>;
  /** The address of one of its databases, for the superuser. */
  url(database: string): string;
  /** Runs statements as the superuser, in the database `postgres` unless said otherwise. @returns the rows of a single one. */
  run(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  /** Refuses who comes from now on, and ends when the last one has gone. */
  startToShutDown(): void;
  /** Ends it at once, without a checkpoint, as when the machine loses power. */
  kill(): Promise<void>;
  /** After `kill`: the same address and data. */
  restart(): Promise<void>;
}

export interface PostgresSettings {
  /** Whether it can encrypt, with the certificate that lies in `certificates/`. */
  readonly withTls?: boolean;
  /** Begins as a copy of this one and follows it, until it is told to be a primary itself (`pg_promote`). */
  readonly replicaOf?: Pick<TestPostgres, "port">;
  /** Lines of `pg_hba.conf` that come before the one which trusts everybody. */
  readonly access?: readonly string[];
}

/** Creates a cluster in a temporary folder and starts it on a free port. It writes without waiting for the disk. */
export async function startPostgres(
  owner: Owner,
  { withTls = false, replicaOf, access = [] }: PostgresSettings = {},
): Promise<TestPostgres> {
  const programs = path.dirname(realpathSync(needProgram("postgres")));
  const account = accountToRunAs();
  const folder = newFolder(account);
  const cluster = path.join(folder, "cluster");
  const port = await freePort();
  let server: ChildProcess | undefined;
  owner.after(async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const how = { ...account, cwd: folder, encoding: "utf8" } as const;
  const copied =
    replicaOf === undefined
      ? spawnSync("cp", ["-a", emptyCluster(programs, account), cluster], how)
      : spawnSync(
          path.join(programs, "pg_basebackup"),
          ["-D", cluster, "-R", "-c", "fast", "-h", "127.0.0.1", "-p", String(replicaOf.port), "-U", SUPERUSER],
          how,
        );
  if (copied.status !== 0) throw new Error(`there is no copy of the cluster:\n${copied.stderr}`);
  const accessFile = path.join(cluster, "pg_hba.conf");
  writeFileSync(accessFile, [...access, readFileSync(accessFile, "utf8")].join("\n"));
  const [certificate, key] = [path.resolve("test/kit/certificates/server.pem"), path.join(folder, "server-key.pem")];
  if (withTls) {
    // It takes no key that others may read.
    copyFileSync("test/kit/certificates/server-key.pem", key);
    chmodSync(key, 0o600);
    if (account.uid !== undefined && account.gid !== undefined) chownSync(key, account.uid, account.gid);
  }

  async function start(): Promise<void> {
    // Commits are written before they are answered, though not to the disk: they outlive a kill, not a power cut.
    const off = ["fsync=off", "full_page_writes=off"];
    const tls = withTls ? ["ssl=on", `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`] : [];
    const place = ["listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${folder}`];
    const settings = [...place, ...off, ...tls].flatMap((each) => ["-c", each]);
    const output: string[] = [];
    server = spawn(path.join(programs, "postgres"), ["-D", cluster, ...settings], {
      ...account,
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    server.stderr?.on("data", (part) => output.push(String(part)));
    const deadline = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadline && server.exitCode === null) {
      if (await run("SELECT 1").catch(() => undefined)) return;
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

  const url = (database: string): string => `postgres://${SUPERUSER}@127.0.0.1:${port}/${database}`;

  async function run(sql: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(url(database));
    client.on("error", () => undefined);
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  await start();
  let databases = 0;
  return {
    port,
    folder,
    url,
    run,
    startToShutDown: () => server?.kill("SIGTERM"),
    kill,
    async restart() {
      await kill();
      await start();
    },
    async createDatabase() {
      const name = `test_${++databases}`;
      await run(`CREATE DATABASE ${name}`);
      return url(name);
    },
  };
}

let empty: string | undefined;

/** A cluster that is never started. Making one takes far longer than copying it: it is made once in this process. */
function emptyCluster(programs: string, account: ReturnType<typeof accountToRunAs>): string {
  if (empty !== undefined) return empty;
  const folder = newFolder(account);
  process.once("exit", () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const cluster = path.join(folder, "cluster");
  const made = spawnSync(
    path.join(programs, "initdb"),
    ["-D", cluster, "-U", SUPERUSER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"],
    { ...account, cwd: folder, encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`initdb failed:\n${made.stdout}${made.stderr}`);
  return (empty = cluster);
}

/** A temporary folder of the account that PostgreSQL runs as. */
function newFolder({ uid, gid }: ReturnType<typeof accountToRunAs>): string {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-postgres-"));
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  return folder;
}

/** PostgreSQL refuses to run as root: then it runs as its own account, or as nobody. */
export function accountToRunAs(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((what) => spawnSync("id", [what, name], { encoding: "utf8" }).stdout.trim());
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("there is no account but root to run PostgreSQL");
}
