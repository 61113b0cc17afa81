import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { redisAddress } from "../../src/redis/address.js";
import { redisConnection } from "../../src/redis/connections.js";
import { redisTroubles } from "../../src/redis/troubles.js";
import { freePort } from "../kit/ports.js";
import { needProgram } from "../../scripts/setup/find-programs.mjs";

const PASSWORD = "a#b/c?d@e%f:g h";
const CERTIFICATES = path.resolve("test/kit/certificates");
const AUTHORITY = readFileSync(path.join(CERTIFICATES, "authority.pem"), "utf8");

describe("K24: a real Redis, by each form of its address", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-redis-"));
  const socket = path.join(folder, "redis.sock");
  let [server, port, tlsPort]: [ChildProcess?, number?, number?] = [];

  before(async () => {
    [port, tlsPort] = await Promise.all([freePort(), freePort()]);
    const settings = {
      ...{
        port,
        "tls-port": tlsPort,
        bind: "127.0.0.1",
        unixsocket: socket,
        requirepass: PASSWORD,
        save: "",
        dir: folder,
      },
      ...{ "tls-cert-file": `${CERTIFICATES}/server.pem`, "tls-key-file": `${CERTIFICATES}/server-key.pem` },
      ...{ "tls-ca-cert-file": `${CERTIFICATES}/authority.pem`, "tls-auth-clients": "no" },
    };
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    server = spawn(needProgram("redis"), words, { stdio: "ignore" });
  });
  after(async () => {
    server?.kill("SIGKILL");
    if (server?.exitCode === null) await once(server, "exit");
    rmSync(folder, { recursive: true });
  });

  /** What the first ten seconds bring: the number of the database that it is connected to, or what the log would say. */
  async function connect(t: TestContext, address: string, authority?: string, isVerified = true): Promise<string> {
    const said: string[] = [];
    const log = { info: () => undefined, warn: (fields: { reason?: string }) => said.push(fields.reason ?? "") };
    const redis = redisConnection(redisAddress(address, authority, isVerified), "page", redisTroubles(log as never));
    t.after(() => redis.disconnect());
    for (let tries = 0; tries < 200; tries++) {
      if (redis.status === "ready") return databaseOf(await redis.client("INFO"));
      // While the server starts nobody listens.
      const reason = said.find((each) => !/ECONNREFUSED|ENOENT/.test(each));
      if (reason !== undefined) return reason;
      await wait(50);
    }
    return "nothing came in 10 s";
  }

  function databaseOf(client: unknown): string {
    return `database ${/\bdb=(\d+)/.exec(String(client))?.[1] ?? "none"}`;
  }

  const secret = encodeURIComponent(PASSWORD);
  it("takes a password of odd characters, and the number of a database", async (t) => {
    assert.equal(await connect(t, `redis://:${secret}@127.0.0.1:${port ?? 0}/3`), "database 3");
  });

  it("takes a unix socket", async (t) => {
    assert.equal(await connect(t, `unix://${socket}?db=2&password=${secret}`), "database 2");
  });

  it("takes a certificate of one's own authority when REDIS_CA names it", async (t) => {
    assert.equal(await connect(t, `rediss://:${secret}@localhost:${tlsPort ?? 0}/1`, AUTHORITY), "database 1");
  });

  it("says that REDIS_CA is wanted when nobody who is trusted signed the certificate", async (t) => {
    assert.match(await connect(t, `rediss://:${secret}@localhost:${tlsPort ?? 0}`), /REDIS_CA/);
  });

  it("takes any certificate, of any host, where it is not to be verified", async (t) => {
    const address = `rediss://:${secret}@127.0.0.1:${tlsPort ?? 0}/1`;
    assert.equal(await connect(t, address, undefined, false), "database 1");
  });

  it("says that the certificate is for another host", async (t) => {
    const address = `rediss://:${secret}@127.0.0.1:${tlsPort ?? 0}`;
    assert.match(await connect(t, address, AUTHORITY), /for other names than the host in REDIS_URL/);
  });
});
