import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";
import { freePort } from "./ports.js";
import { startRedis, type TestRedis } from "./redis.js";
import { until } from "./until.js";

const NAME = "main";

/** A primary and its replica, watched by three Sentinels that promote the replica when the primary is gone. */
export interface WatchedRedis {
  /** For `REDIS_URL`. */
  readonly url: string;
  readonly primary: TestRedis;
  readonly replica: TestRedis;
  /** The port of the primary, as the Sentinels have it now. */
  primaryPort(): Promise<number>;
}

/** Starts all five, and waits until the Sentinels know each other and the replica. */
export async function startWatchedRedis(owner: Owner): Promise<WatchedRedis> {
  const [primary, replica] = [await startRedis(owner), await startRedis(owner)];
  const { password, port } = new URL(primary.url);
  await primary.command("CONFIG", "SET", "masterauth", password);
  await replica.command("CONFIG", "SET", "masterauth", password);
  await replica.command("REPLICAOF", "127.0.0.1", port);
  await replica.command("CONFIG", "SET", "requirepass", password);

  const ports = [await freePort(), await freePort(), await freePort()];
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-sentinels-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const own of ports) {
    const file = path.join(folder, `${own}.conf`);
    const settings = [
      ...["bind 127.0.0.1", `port ${own}`, `dir ${folder}`, `logfile ${folder}/${own}.log`],
      ...[`sentinel monitor ${NAME} 127.0.0.1 ${port} 2`, `sentinel auth-pass ${NAME} ${password}`],
      ...[`sentinel down-after-milliseconds ${NAME} 500`, `sentinel failover-timeout ${NAME} 2000`],
    ];
    writeFileSync(file, `${settings.join("\n")}\n`);
    const sentinel = spawn(needProgram("redis"), [file, "--sentinel"], { stdio: "ignore" });
    owner.after(async () => {
      sentinel.kill("SIGKILL");
      if (sentinel.exitCode === null && sentinel.signalCode === null) await once(sentinel, "exit");
    });
  }

  async function ask(sentinelPort: number, ...words: string[]): Promise<unknown> {
    const client = new Redis(sentinelPort, "127.0.0.1", { retryStrategy: () => null, lazyConnect: true });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await client.call("SENTINEL", ...words);
    } finally {
      client.disconnect();
    }
  }
  const knows = async (sentinelPort: number): Promise<boolean> => {
    const [others, replicas] = await Promise.all(
      ["SENTINELS", "REPLICAS"].map((what) => ask(sentinelPort, what, NAME).catch(() => [])),
    );
    return (others as unknown[]).length === 2 && (replicas as unknown[]).length === 1;
  };
  for (const own of ports) await until(() => knows(own), "a Sentinel does not know the others", 30_000);

  return {
    url: `redis+sentinel://:${password}@${ports.map((own) => `127.0.0.1:${own}`).join(",")}/${NAME}`,
    primary,
    replica,
    async primaryPort() {
      const [, found] = (await ask(ports[0] ?? 0, "GET-MASTER-ADDR-BY-NAME", NAME)) as [string, string];
      return Number(found);
    },
  };
}
