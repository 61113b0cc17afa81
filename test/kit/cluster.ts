import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";
import { freePort, isFree } from "./ports.js";
import { until } from "./until.js";

const SLOTS = 16_384;
const PRIMARIES = 3;

/** Three primaries with a replica each. */
export interface RedisCluster {
  /** For `REDIS_URL`. */
  readonly url: string;
  /** Asks a server that lives. */
  command(...words: readonly string[]): Promise<unknown>;
  /** The port of the primary that has this key now; null while nobody serves it. */
  primaryOf(key: string): Promise<number | null>;
  /** SIGKILL for the server at a port. */
  kill(port: number): Promise<void>;
}

/** Starts six servers on loopback, and waits until they agree on who serves what. */
export async function startRedisCluster(owner: Owner): Promise<RedisCluster> {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-cluster-"));
  const password = randomBytes(24).toString("hex");
  const servers = new Map<number, ChildProcess>();
  owner.after(async () => {
    for (const port of servers.keys()) await kill(port);
    rmSync(folder, { recursive: true, force: true });
  });
  async function kill(port: number): Promise<void> {
    const server = servers.get(port);
    server?.kill("SIGKILL");
    if (server !== undefined && server.exitCode === null && server.signalCode === null) await once(server, "exit");
  }
  while (servers.size < 2 * PRIMARIES) {
    const port = await freePort();
    const busPort = port + 10_000;
    if (servers.has(port) || !(await isFree(busPort, ["127.0.0.1"]))) continue;
    const own = path.join(folder, String(port));
    mkdirSync(own);
    const settings = [
      ...["bind 127.0.0.1", `port ${port}`, `dir ${own}`, `requirepass ${password}`, `masterauth ${password}`],
      ...["cluster-enabled yes", `cluster-port ${busPort}`, "cluster-node-timeout 1500", "appendonly yes", 'save ""'],
      ...["maxmemory-policy noeviction", `logfile ${own}/log`],
    ];
    writeFileSync(path.join(own, "redis.conf"), `${settings.join("\n")}\n`);
    servers.set(port, spawn(needProgram("redis"), [path.join(own, "redis.conf")], { stdio: "ignore" }));
  }
  const ports = [...servers.keys()];

  async function ask(port: number, ...[name = "", ...words]: readonly string[]): Promise<unknown> {
    const client = new Redis(port, "127.0.0.1", {
      ...{ password, lazyConnect: true, enableReadyCheck: false, connectTimeout: 1000 },
      retryStrategy: () => null,
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await client.call(name, ...words);
    } finally {
      client.disconnect();
    }
  }
  const command = async (...words: readonly string[]): Promise<unknown> => {
    const living = ports.filter((port) => servers.get(port)?.signalCode === null);
    return ask(living[0] ?? 0, ...words);
  };

  const answers = (port: number) =>
    ask(port, "PING").then(
      () => true,
      () => false,
    );
  for (const port of ports) await until(() => answers(port), `the server at ${port} does not answer`, 30_000);
  const [first = 0] = ports;
  for (const port of ports.slice(1))
    await ask(first, "CLUSTER", "MEET", "127.0.0.1", String(port), String(port + 10_000));
  const ids = await Promise.all(ports.map(async (port) => String(await ask(port, "CLUSTER", "MYID"))));
  const share = Math.ceil(SLOTS / PRIMARIES);
  for (let n = 0; n < PRIMARIES; n += 1) {
    const [from, to] = [n * share, Math.min((n + 1) * share, SLOTS) - 1];
    await ask(ports[n] ?? 0, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
  }
  for (let n = 0; n < PRIMARIES; n += 1) {
    const [replica, id] = [ports[PRIMARIES + n] ?? 0, ids[n] ?? ""];
    const follows = () =>
      ask(replica, "CLUSTER", "REPLICATE", id).then(
        () => true,
        () => false,
      );
    await until(follows, "a replica does not know its primary", 30_000);
  }
  const agrees = async (port: number): Promise<boolean> => {
    const [info, nodes] = [String(await ask(port, "CLUSTER", "INFO")), String(await ask(port, "CLUSTER", "NODES"))];
    return (
      info.includes("cluster_state:ok") &&
      nodes.split("\n").filter((line) => /\bslave\b/.test(line)).length === PRIMARIES
    );
  };
  for (const port of ports) await until(() => agrees(port), "the servers do not agree", 60_000);
  // A replica that never had the data of its primary is not promoted.
  const hasData = async (port: number): Promise<boolean> =>
    String(await ask(port, "INFO", "replication")).includes("master_link_status:up");
  for (const port of ports.slice(PRIMARIES)) await until(() => hasData(port), "a replica has no data", 60_000);

  return {
    url: `redis+cluster://:${password}@${ports.map((port) => `127.0.0.1:${port}`).join(",")}`,
    command,
    kill,
    async primaryOf(key) {
      const slot = Number(await command("CLUSTER", "KEYSLOT", key));
      const ranges = (await command("CLUSTER", "SLOTS")) as [number, number, [string, number]][];
      const [, , primary] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? [];
      return primary === undefined || servers.get(primary[1])?.signalCode !== null ? null : primary[1];
    },
  };
}
