import { setTimeout as wait } from "node:timers/promises";

import { seededRandom } from "../../kit/random.js";
import { openAll, senders } from "./load.js";
import type { Approval, Server } from "./servers.js";
import { type Figure, inTurns, type Measured, quantile, type Sides } from "./turns.js";
import { openWire, type Waiting } from "./wire.js";

const POLL_EVERY_MS = 1000;
const NAME = "approval → browser against polling, p50";

/**
 * How soon a browser knows, against pages that ask once a second as the usual tutorial has it: the bare server is polled,
 * the product tells its streams.
 */
export function polling(sides: Sides, { rounds = 3, browsers = 200, withinMs = 4000 } = {}): Promise<Figure[]> {
  return inTurns(sides, { [NAME]: { unit: "ms", must: { atMost: 1 / 400 } } }, rounds, (server) =>
    measure(server, browsers, withinMs),
  );
}

async function measure(server: Server, browsers: number, withinMs: number): Promise<Measured> {
  const random = seededRandom(browsers);
  const approvals = await server.prepare(browsers);
  const waiting =
    server.name === "product"
      ? await openAll(server, approvals)
      : approvals.map((approval) => poll(server, approval, random.next() * POLL_EVERY_MS));
  const send = senders(server);
  const delays = approvals.map(async ({ callback }, at) => {
    await wait(POLL_EVERY_MS + random.next() * (withinMs - POLL_EVERY_MS));
    const sentAt = performance.now();
    const [told = NaN] = await Promise.all([waiting[at]?.approved, send.one(callback)]);
    return told - sentAt;
  });
  const measured = await Promise.all(delays);
  send.close();
  for (const each of waiting) each.close();
  return { [NAME]: quantile(measured, 0.5) };
}

/** A page that asks once a second, from some moment on. */
function poll({ port }: Server, { poll: request }: Approval, firstAfterMs: number): Waiting {
  const wire = openWire(port);
  const asking = async (): Promise<number> => {
    for (let next = firstAfterMs; ; next = POLL_EVERY_MS) {
      await wait(next);
      if ((await wire.exchange(request)).text.includes('"approved"')) return performance.now();
    }
  };
  return {
    approved: asking(),
    close: () => {
      wire.close();
    },
  };
}
