import { setTimeout as wait } from "node:timers/promises";

import { type Random, seededRandom } from "../../kit/random.js";
import type { Server } from "./servers.js";
import { settleMany } from "./throughput.js";
import { type Figure, inTurns, type Measured, quantile, type Sides } from "./turns.js";
import { openAll, senders } from "./load.js";

/** Callbacks a second, sent without waiting for those before. */
const PER_SECOND = 200;

/**
 * From the signed callback to the event in the browser, while as many streams stay open as are told: an open loop, in
 * which a slow answer holds back nothing that comes after it.
 */
export async function latency(sides: Sides, { rounds = 7, streams = 300, warmUp = 3000 } = {}): Promise<Figure[]> {
  const random = seededRandom(1);
  const figures = {
    "callback → browser, p50": { unit: "ms", must: { atMost: 1.5 } },
    "callback → browser, p99": { unit: "ms", must: { atMost: 1.5 } },
  };
  // Servers run for days: what Node.js has not compiled yet is not what is measured.
  for (const side of [sides.bare, sides.product]) await settleMany(side, warmUp);
  return inTurns(sides, figures, rounds, (server) => measure(server, streams, random, "callback → browser"));
}

/**
 * From the tap on a phone of our own to the browser, beside Authy's signed callback at the same process: the same load, and
 * the check of the phone's signature is part of it; the phone has read the request before, as it cannot answer what it has not read. Authy's stands in the place of the bare server.
 */
export async function tap({ product }: Sides, { rounds = 7, streams = 300, warmUp = 3000 } = {}): Promise<Figure[]> {
  const random = seededRandom(2);
  const sides = { bare: product, product: { ...product, prepare: (count: number) => product.prepareTaps(count) } };
  const figures = {
    "own phone → browser beside Authy, p50": { unit: "ms", must: { atMost: 1.3 } },
    "own phone → browser beside Authy, p99": { unit: "ms", must: { atMost: 1.5 } },
  };
  for (const side of [sides.bare, sides.product]) await settleMany(side, warmUp);
  return inTurns(sides, figures, rounds, (server) =>
    measure(server, streams, random, "own phone → browser beside Authy"),
  );
}

async function measure(server: Server, streams: number, random: Random, what: string): Promise<Measured> {
  const approvals = await server.prepare(2 * streams);
  const waiting = await openAll(server, approvals);
  const send = senders(server);
  for (const { look } of approvals.slice(0, streams)) if (look !== undefined) await send.one(look);
  const delays: Promise<number>[] = [];
  for (const [at, { callback }] of approvals.slice(0, streams).entries()) {
    // As independent people do, some at the same moment.
    await wait((-Math.log(1 - random.next()) * 1000) / PER_SECOND);
    const sentAt = performance.now();
    delays.push(Promise.all([waiting[at]?.approved, send.one(callback)]).then(([told = NaN]) => told - sentAt));
  }
  const measured = await Promise.all(delays);
  send.close();
  for (const each of waiting) each.close();
  return {
    [`${what}, p50`]: quantile(measured, 0.5),
    [`${what}, p99`]: quantile(measured, 0.99),
  };
}
