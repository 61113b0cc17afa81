import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";
import { freePort } from "./ports.js";

/** Starts a Redis that is reached encrypted and with a password only. @returns its address. */
export async function startTlsRedis(owner: Owner): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-redis-"));
  const [port, certificates] = [await freePort(), path.resolve("test/kit/certificates")];
  const settings = {
    ...{ port: 0, "tls-port": port, bind: "127.0.0.1", requirepass: "secret", save: "", dir: folder },
    ...{ "tls-cert-file": `${certificates}/server.pem`, "tls-key-file": `${certificates}/server-key.pem` },
    ...{ "tls-ca-cert-file": `${certificates}/authority.pem`, "tls-auth-clients": "no" },
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn(needProgram("redis"), words, { stdio: "ignore" });
  owner.after(async () => {
    const ended = once(server, "exit");
    if (server.exitCode === null && server.kill("SIGKILL")) await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  return `rediss://:secret@127.0.0.1:${port}`;
}
