import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";
import { freePort } from "./ports.js";
import { until } from "./until.js";

/** A Postfix of a test's own, which hands every message on to one server. */
export interface TestPostfix {
  readonly url: string;
  /** What it has written about its messages. */
  log(): string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Folders that belong to the account that Postfix gives its rights up to. */
const QUEUES = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"];
const MORE_QUEUES = ["private", "saved", "trace", "pid", "public", "maildrop"];

/**
 * Starts Postfix with settings, queue and port of its own; what the machine has installed stays as it is.
 *
 * @param nextPort - The server on loopback that it relays to.
 * @param refused - An address that it answers with 550.
 * @throws where this machine has no Postfix, or for whoever is not root.
 */
export async function startPostfix(owner: Owner, nextPort: number, refused: string): Promise<TestPostfix> {
  const master = needProgram("postfix");
  if (process.getuid?.() !== 0) throw new Error("Postfix can be started by root alone");
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-postfix-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  chmodSync(folder, 0o755);
  const [port, account] = [await freePort(), idsOf("postfix")];
  const [settings, queue, data] = ["settings", "queue", "data"].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [settings, queue]) mkdirSync(each);
  const owned = [data, ...[...QUEUES, ...MORE_QUEUES].map((name) => path.join(queue, name))];
  for (const each of owned) {
    mkdirSync(each);
    chownSync(each, account.uid, account.gid);
  }
  chownSync(path.join(queue, "pid"), 0, 0);
  const logFile = path.join(folder, "log");
  writeFileSync(
    path.join(settings, "main.cf"),
    [
      "compatibility_level = 3.6",
      `queue_directory = ${queue}`,
      `data_directory = ${data}`,
      `maillog_file = ${logFile}`,
      `maillog_file_prefixes = ${folder}`,
      ...[
        "inet_interfaces = 127.0.0.1",
        "inet_protocols = ipv4",
        "mynetworks = 127.0.0.0/8",
        "myhostname = relay.invalid",
      ],
      ...[
        "smtpd_peername_lookup = no",
        "mydestination =",
        "alias_maps =",
        "local_recipient_maps =",
        "smtputf8_enable = yes",
      ],
      `relayhost = [127.0.0.1]:${nextPort}`,
      ...["queue_run_delay = 1s", "minimal_backoff_time = 1s", "maximal_backoff_time = 1s"],
      `smtpd_recipient_restrictions = check_recipient_access inline:{{${refused} = 550 5.1.1 nobody here}}, permit_mynetworks, reject`,
      "",
    ].join("\n"),
  );
  const service = (name: string, type: string, isPrivate: string, most: string, command = name): string =>
    `${name} ${type} ${isPrivate} - n - ${most} ${command}`;
  writeFileSync(
    path.join(settings, "master.cf"),
    [
      service(`127.0.0.1:${port}`, "inet", "n", "-", "smtpd"),
      service("pickup", "unix", "n", "1"),
      service("cleanup", "unix", "n", "0"),
      service("qmgr", "unix", "n", "1"),
      service("rewrite", "unix", "-", "-", "trivial-rewrite"),
      ...["bounce", "defer", "trace"].map((name) => service(name, "unix", "-", "0", "bounce")),
      ...["smtp", "relay"].map((name) => service(name, "unix", "-", "-", "smtp")),
      ...["error", "retry"].map((name) => service(name, "unix", "-", "-", "error")),
      ...["anvil", "scache", "tlsmgr"].map((name) => service(name, "unix", "-", "1")),
      ...["proxymap", "verify", "flush", "discard"].map((name) => service(name, "unix", "-", "-")),
      service("postlog", "unix-dgram", "n", "1", "postlogd"),
      "",
    ].join("\n"),
  );

  let running: ChildProcess | undefined;
  const postfix: TestPostfix = {
    url: `smtp://127.0.0.1:${port}`,
    log: () => readFileSync(logFile, "utf8"),
    async stop() {
      const [server, ended] = [running, new Promise((resolve) => running?.once("exit", resolve))];
      if (server === undefined) return;
      running = undefined;
      server.kill("SIGTERM");
      await ended;
      await until(async () => !(await isGreeted(port)), "Postfix still answers");
    },
    async start() {
      // At the head of a group of its own, which it ends with itself.
      running = spawn(master, ["-d", "-c", settings], { cwd: folder, stdio: "ignore", detached: true });
      await until(() => isGreeted(port), "Postfix does not answer");
    },
  };
  owner.after(() => postfix.stop());
  await postfix.start();
  return postfix;
}

function idsOf(account: string): { readonly uid: number; readonly gid: number } {
  const id = (what: string): number => Number(execFileSync("id", [what, account], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

function isGreeted(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("error", () => end(false));
    socket.once("end", () => end(false));
    socket.once("data", (greeting) => end(String(greeting).startsWith("220 ")));
  });
}
