import type { Server, ServerResponse } from "node:http";
import { Server as TcpServer } from "node:net";
import { setImmediate as nextRound, setTimeout as wait } from "node:timers/promises";

import type { StreamHub } from "./stream-hub.js";

const SHORT_ROUND_MS = 0.3;
const MOST_ROUNDS = 100;
const FINISH_REQUESTS_MS = 4000;
/** An idle connection may bring one more request this long; it is told to be the last. */
const IDLE_GRACE_MS = 1000;
const SWEEP_EVERY_MS = 50;

/** Ends the server without failing a request, within about 5 s plus `waitMs`. */
export type Drain = (streams: Pick<StreamHub, "drain">, waitMs: number) => Promise<void>;

/** From now on it is known which answers are under way, so that draining can tell their connections to be the last. */
export function prepareDrain(server: Server): Drain {
  const answering = new Set<ServerResponse>();
  function forgetAnswer(this: ServerResponse): void {
    answering.delete(this);
  }
  let isDraining = false;
  server.prependListener("request", (_req, res) => {
    if (isDraining) res.setHeader("Connection", "close");
    else {
      answering.add(res);
      res.once("close", forgetAnswer);
    }
  });

  return async function drain(streams, waitMs) {
    isDraining = true;
    // Balancers look at /readyz: until they have seen it, people still come here, and are served.
    if (server.listening) await wait(waitMs);
    await acceptWhatWaits(server);
    const closed = stopListening(server);
    streams.drain();
    for (const res of answering) if (!res.headersSent) res.setHeader("Connection", "close");
    const since = performance.now();
    const sweep = setInterval(() => {
      if (performance.now() - since > IDLE_GRACE_MS) server.closeIdleConnections();
    }, SWEEP_EVERY_MS);
    await Promise.race([closed, wait(FINISH_REQUESTS_MS)]);
    clearInterval(sweep);
    server.closeAllConnections();
  };
}

/**
 * Connections that still wait in the kernel's queue are cut when listening ends, with a request on them perhaps. Node.js
 * takes one of them in each round of its event loop, so it goes round until one brought none and was so short that none
 * can have come since.
 */
async function acceptWhatWaits(server: Server): Promise<void> {
  let came = 0;
  const count = (): void => {
    came += 1;
  };
  server.on("connection", count);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const [before, startedAt] = [came, performance.now()];
    await nextRound();
    if (came === before && performance.now() - startedAt < SHORT_ROUND_MS) break;
  }
  server.off("connection", count);
}

/** Not the HTTP server's own way: it would cut idle connections on which a request may be on its way. */
function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    TcpServer.prototype.close.call(server, () => {
      resolve();
    });
  });
}
