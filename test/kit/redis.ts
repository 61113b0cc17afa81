import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";
import { needProgram } from "../../scripts/setup/find-programs.mjs";
import { newAddress, type PrivateRedis, startPrivateRedis } from "./private-redis.js";
import type { Owner } from "./owner.js";

/** A real Redis of the test's own, which can be broken in every way that a Redis breaks. */
export interface TestRedis {
  /** Stays the same over restarts. */
  readonly url: string;
  /** SIGTERM: it saves and ends. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** After `stop` or `kill`: the same address, with what its log has kept. */
  restart(): Promise<void>;
  /** Keeps its connections and answers nothing, as a machine that hangs. */
  freeze(): void;
  thaw(): void;
  /** Forgets everything. */
  flush(): Promise<void>;
  /** What an operator types: `CONFIG SET …`, `ACL SETUSER …`, `REPLICAOF …`. */
  command(name: string, ...words: readonly string[]): Promise<unknown>;
  /** Takes the folder away in which it saves. */
  loseDisk(): void;
}

/** Starts a Redis on a free port with its data in a temporary folder. */
export async function startRedis(owner: Owner): Promise<TestRedis> {
  const program = needProgram("redis");
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-redis-"));
  const address = await newAddress();
  let server: PrivateRedis | undefined;
  owner.after(async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });
  server = await startPrivateRedis(program, folder, address);
  const { url } = server;

  async function kill(): Promise<void> {
    signal("SIGKILL");
    await server?.exited;
  }
  function signal(name: NodeJS.Signals): void {
    try {
      if (server) process.kill(server.pid, name);
    } catch {
      // It has ended already.
    }
  }

  async function command(name: string, ...words: readonly string[]): Promise<unknown> {
    const client = new Redis(url, { enableReadyCheck: false });
    try {
      return await client.call(name, ...words);
    } finally {
      client.disconnect();
    }
  }

  return {
    url,
    kill,
    stop: async () => server?.stop(),
    async restart() {
      await kill();
      server = await startPrivateRedis(program, folder, address);
    },
    freeze() {
      signal("SIGSTOP");
    },
    thaw() {
      signal("SIGCONT");
    },
    async flush() {
      await command("FLUSHALL");
    },
    command,
    loseDisk() {
      rmSync(folder, { recursive: true });
    },
  };
}
