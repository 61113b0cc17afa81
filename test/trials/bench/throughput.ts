import { openAll, senders } from "./load.js";
import type { Server } from "./servers.js";
import { type Figure, inTurns, type Measured, type Sides } from "./turns.js";

const IN_FLIGHT = 64;

/**
 * Callbacks settled and delivered in a second, and what each costs the server: a closed loop, in which the next callback
 * is sent when the one before was answered and its browser told.
 */
export function throughput(sides: Sides, { rounds = 5, callbacks = 3000 } = {}): Promise<Figure[]> {
  const figures = {
    "callbacks delivered a second": { unit: "", must: { atLeast: 0.35 } },
    "server CPU for each": { unit: "µs", must: { atMost: 3 } },
  };
  return inTurns(sides, figures, rounds, (server) => settleMany(server, callbacks));
}

/** Settles so many, 64 at a time. */
export async function settleMany(server: Server, callbacks: number): Promise<Measured> {
  const approvals = await server.prepare(callbacks);
  const waiting = await openAll(server, approvals);
  const send = senders(server);
  const before = await server.look("heap");
  const startedAt = performance.now();
  const left = approvals.entries();
  const line = async (): Promise<void> => {
    for (const [at, { callback }] of left) {
      await Promise.all([waiting[at]?.approved, send.one(callback)]);
      waiting[at]?.close();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, line));
  const seconds = (performance.now() - startedAt) / 1000;
  const { cpuUs } = await server.look("cpu");
  send.close();
  return {
    "callbacks delivered a second": callbacks / seconds,
    "server CPU for each": (cpuUs - before.cpuUs) / callbacks,
  };
}
