import { openAll } from "./load.js";
import type { Server } from "./servers.js";
import { type Figure, inTurns, type Measured, type Sides } from "./turns.js";
import { until } from "../../kit/until.js";

/** What a waiting browser costs: live heap after a garbage collection. */
export function memory(sides: Sides, { rounds = 3, streams = 2000 } = {}): Promise<Figure[]> {
  const figures = { "live heap for each waiting stream": { unit: "kB", must: { atMost: 1.3 } } };
  return inTurns(sides, figures, rounds, (server) => measure(server, streams));
}

async function measure(server: Server, streams: number): Promise<Measured> {
  const approvals = await server.prepare(streams);
  const before = await server.look("heap");
  const waiting = await openAll(server, approvals);
  const open = await server.look("heap");
  for (const each of waiting) each.close();
  // The next turn begins with none.
  const half = (before.heapBytes + open.heapBytes) / 2;
  await until(async () => (await server.look("heap")).heapBytes < half, "the streams stay in memory", 20_000);
  return { "live heap for each waiting stream": (open.heapBytes - before.heapBytes) / streams / 1000 };
}
