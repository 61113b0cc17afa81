import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

import type { Passwords } from "../domain/deps.js";
import type { Health } from "./routes/health.js";
import type { StreamHub } from "./stream-hub.js";
import type { CountedTally } from "./tally.js";

/** What `/metrics` shows of this process. */
export interface Metrics {
  readonly registry: Registry;
  /** How long answers took. */
  readonly seconds: Histogram<"route" | "method" | "status">;
}

/**
 * Figures of Node.js itself, of open streams, of passwords and polls that wait, of answers, and of what was counted by type
 * of factor.
 */
export function createMetrics(
  deps: {
    readonly streams: Pick<StreamHub, "size">;
    readonly tally: CountedTally;
    readonly passwords: Pick<Passwords, "waiting">;
  },
  health: Pick<Health, "movers" | "pollsLateMs" | "database" | "redis">,
): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "open_event_streams",
    help: "Open event streams",
    registers,
    collect() {
      this.set(deps.streams.size);
    },
  });
  new Gauge({
    name: "password_hashes_waiting",
    help: "Passwords that wait to be judged",
    registers,
    collect() {
      this.set(deps.passwords.waiting());
    },
  });
  new Gauge({
    name: "dependency_up",
    help: "1 while what the process needs can be used, else 0",
    labelNames: ["name"] as const,
    registers,
    async collect() {
      const [database, redis] = await Promise.all([health.database(), health.redis()]);
      this.set({ name: "database" }, Number(database));
      this.set({ name: "redis" }, Number(redis));
    },
  });
  new Gauge({
    name: "polls_late_seconds",
    help: "How late the most overdue look at a pending request is",
    registers,
    async collect() {
      const lateMs = await health.pollsLateMs();
      this.set(lateMs === null ? NaN : lateMs / 1000);
    },
  });
  new Gauge({
    name: "authy_accounts",
    help: "Accounts that are to move over from Authy",
    labelNames: ["move"] as const,
    registers,
    async collect() {
      const counted = await health.movers();
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
  return { registry: Registry.merge([registry, deps.tally.registry]), seconds };
}
