import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const FIRST = 10_000;
const LAST = 32_000;

/**
 * A port on loopback that nobody listens on at this moment. It lies below the range from which systems give ports to
 * outgoing connections, so that none of those takes it before it is used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    if (await isFree(port, ["127.0.0.1"])) return port;
  }
}

/** Whether `port` can be had on all of `hosts`. A host that this machine doesn't have doesn't count. */
export async function isFree(port: number, hosts: readonly string[]): Promise<boolean> {
  for (const host of hosts) {
    if (!(await canListen(port, host))) return false;
  }
  return true;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT");
    });
    server.listen({ port, host, exclusive: true }, () =>
      server.close(() => {
        resolve(true);
      }),
    );
  });
}
