import { createServer, type Server } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import type Koa from "koa";

import type { Log } from "../domain/deps.js";

const LISTEN_ANYWAY_MS = 800;

/** Where to listen, and under which address browsers come. */
export interface Place {
  /** null: every interface. */
  readonly host: string | null;
  readonly port: number;
  readonly publicUrl: string;
}

/** The HTTP server of the application; it does not listen yet. */
export function createHttpServer(app: Pick<Koa, "callback">, keepAliveTimeoutMs: number): Server {
  const server = createServer({
    // With the interval in which they are looked at: slow and silent clients are gone within 15 s.
    headersTimeout: 10_000,
    requestTimeout: 12_000,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: 16_384,
  });
  const answer = app.callback();
  server.on("request", (req, res) => void answer(req, res));
  server.timeout = 0; // would end open streams
  return server;
}

/**
 * Listens as soon as the database is open, and without it after a moment: a balancer that knows only whether somebody
 * listens must not send people to a process without its database, but one whose database is away says so to whoever asks.
 *
 * @throws what the system says when it cannot listen there.
 */
export async function listen(
  server: Server,
  { host, port, publicUrl }: Place,
  log: Log,
  opening: Promise<void>,
  stopping: AbortSignal,
): Promise<void> {
  // Opening gives up only when the process stops.
  await Promise.race([opening.catch(() => undefined), wait(LISTEN_ANYWAY_MS)]);
  if (stopping.aborted) return;
  const where = { host: host ?? "every interface", port };
  await new Promise<void>((resolve, reject) => {
    server.on("error", (error: NodeJS.ErrnoException) => {
      log.error({ code: error.code ?? "", ...where }, "cannot listen");
      reject(error);
    });
    server.listen(port, host ?? undefined, resolve);
  });
  log.info({ url: publicUrl, ...where }, "listening");
  if (host === null) log.info({ port }, "HOST is not set: in production a given PORT is open on every interface");
}
