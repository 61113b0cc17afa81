import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";

import type { Owner } from "./owner.js";

/** An address that leads to one server now and to another one later, as a name does after a failover. */
export interface Relay {
  readonly port: number;
  /** How many were opened so far. */
  readonly connections: number;
  /** New connections go there; those that are open stay where they are. */
  leadTo(port: number): void;
}

/** Passes connections on to a port of this machine. */
export async function startRelay(owner: Owner, port: number): Promise<Relay> {
  let target = port;
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    connections += 1;
    const upstream = createConnection(target, "127.0.0.1");
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as { port: number }).port,
    get connections() {
      return connections;
    },
    leadTo(next) {
      target = next;
    },
  };
}
