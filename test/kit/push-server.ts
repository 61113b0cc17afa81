import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { leadPushHosts } from "./push-hosts.mjs";
import type { Owner } from "./owner.js";

const FOLDER = path.resolve("test/kit/certificates");
/** An address of Google's; nothing of a test gets there. */
const PUBLIC = "142.250.185.74";

/** One push as it arrived. */
export interface ReceivedPush {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A push service on this machine, over TLS. */
export interface PushServer {
  readonly port: number;
  readonly received: readonly ReceivedPush[];
  /** How it answers from now on; 201 unless said otherwise. */
  answers(answer: (push: ReceivedPush, res: ServerResponse) => void): void;
}

/** Settings of processes for which the names of push services lead to this one. */
export function leadingTo({ port }: Pick<PushServer, "port">, hosts: readonly string[]): Record<string, string> {
  const lead = Object.fromEntries(hosts.map((host) => [host, { addresses: [PUBLIC], port }]));
  const preload = new URL("push-hosts.mjs", import.meta.url).href;
  return { PUSH_HOSTS_IN_TEST: JSON.stringify(lead), NODE_OPTIONS: `--import ${preload}` };
}

/** Starts a push service to which names of push services lead while its owner lives, in this process. */
export async function startPushServer(owner: Owner, hosts: readonly string[] = []): Promise<PushServer> {
  const received: ReceivedPush[] = [];
  let answer = (_: ReceivedPush, res: ServerResponse): void => {
    res.writeHead(201).end();
  };
  const server = createServer(
    { key: readFileSync(path.join(FOLDER, "server-key.pem")), cert: readFileSync(path.join(FOLDER, "server.pem")) },
    (req, res) => {
      const parts: Buffer[] = [];
      req.on("data", (part: Buffer) => parts.push(part));
      req.on("end", () => {
        const push = { path: req.url ?? "", headers: req.headers, body: Buffer.concat(parts) };
        received.push(push);
        answer(push, res);
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const putBack = leadPushHosts(Object.fromEntries(hosts.map((host) => [host, { addresses: [PUBLIC], port }])));
  owner.after(async () => {
    putBack();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    port,
    received,
    answers(next) {
      answer = next;
    },
  };
}
