import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

import type { Movers } from "../domain/factor.js";
import type { StreamHub } from "./stream-hub.js";
import type { CountedTally } from "./tally.js";

/** What `/metrics` shows of this process. */
export interface Metrics {
  readonly registry: Registry;
  /** How long answers took. */
  readonly seconds: Histogram<"route" | "method" | "status">;
}

/**
 * Figures of Node.js itself, of open streams, of answers, and of what was counted by type of factor.
 *
 * @param movers - How many accounts are to move over from Authy; null where nobody does, or nobody can say now.
 */
export function createMetrics(
  { streams, tally }: { readonly streams: Pick<StreamHub, "size">; readonly tally: CountedTally },
  movers: () => Promise<Movers | null>,
): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "open_event_streams",
    help: "Open event streams",
    registers,
    collect() {
      this.set(streams.size);
    },
  });
  new Gauge({
    name: "authy_accounts",
    help: "Accounts that are to move over from Authy",
    labelNames: ["move"] as const,
    registers,
    async collect() {
      const counted = await movers();
      this.reset();
      if (counted === null) return;
      this.set({ move: "to-begin" }, counted.toBegin);
      this.set({ move: "begun" }, counted.begun);
    },
  });
  const seconds = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time to answer, by route",
    labelNames: ["route", "method", "status"] as const,
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  return { registry: Registry.merge([registry, tally.registry]), seconds };
}
