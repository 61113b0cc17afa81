import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

import { type StreamHub } from "./stream-hub.js";

/** What `/metrics` shows of this process. */
export interface Metrics {
  readonly registry: Registry;
  /** How long answers took. */
  readonly seconds: Histogram<"route" | "method" | "status">;
}

/** Figures of Node.js itself, of open streams and of answers. */
export function createMetrics(streams: Pick<StreamHub, "size">): Metrics {
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
  const seconds = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time to answer, by route",
    labelNames: ["route", "method", "status"] as const,
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  return { registry, seconds };
}
