import { createServer, type Server } from "node:http";
import { collectDefaultMetrics, Registry } from "prom-client";

import type { Log } from "../src/domain/deps.js";

/** What a worker shows of itself, and where. */
export interface WorkersPlace {
  readonly host: string;
  readonly port: number;
  /** What it counts of sign-ins. */
  readonly counted: Registry;
}

/** Shows `/healthz` and `/metrics` of a worker. A port that is taken is told in the log, and the work goes on without. */
export function showHealth({ host, port, counted }: WorkersPlace, log: Log): Server {
  const own = new Registry();
  collectDefaultMetrics({ register: own });
  const registry = Registry.merge([own, counted]);
  const server = createServer((req, res) => {
    const { method, url } = req;
    const path = method === "GET" || method === "HEAD" ? url : undefined;
    if (path === "/healthz") res.setHeader("Content-Type", "application/json").end('{"status":"ok"}\n');
    else if (path === "/metrics")
      registry.metrics().then(
        (text) => res.setHeader("Content-Type", registry.contentType).end(text),
        () => res.writeHead(500).end(),
      );
    else res.writeHead(404).end();
  });
  server.on("error", (error: NodeJS.ErrnoException) => {
    log.error({ code: error.code ?? "", host, port }, "cannot listen");
  });
  server.listen(port, host);
  return server;
}
