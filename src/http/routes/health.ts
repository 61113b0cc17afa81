import Router from "@koa/router";
import type { Registry } from "prom-client";

import type { Movers } from "../../domain/factor.js";
import type { RequestState } from "../context.js";

/** What the process can say about what it needs. Every answer is bounded in time. */
export interface Health {
  isDraining(): boolean;
  /** False before the database was opened for the first time. */
  isOpen(): boolean;
  database(): Promise<boolean>;
  migrations(): Promise<boolean>;
  redis(): Promise<boolean>;
  queueMetrics(): Promise<string>;
  /** Empty without a mail server. */
  mailMetrics(): Promise<string>;
  /** How long the most overdue look at a pending request should have been made ago; null when nobody can say now. */
  pollsLateMs(): Promise<number | null>;
  /** Who is to move over from Authy; null where nobody does. */
  movers(): Promise<Movers | null>;
}

/** For load balancers and operators. */
export function health(state: Health, registry: Registry): Router<RequestState> {
  const router = new Router<RequestState>();

  router.get("/healthz", function isAlive(ctx) {
    ctx.body = { status: "ok" };
  });

  router.get("/readyz", async function isReady(ctx) {
    const [database, migrations, redis] = await Promise.all([state.database(), state.migrations(), state.redis()]);
    const isUsable = database && migrations && !state.isDraining();
    ctx.status = isUsable ? 200 : 503;
    const word = (good: boolean): string => (good ? "ok" : "unavailable");
    const status = state.isDraining() ? "draining" : !isUsable ? "unavailable" : redis ? "ok" : "degraded";
    ctx.body = { status, database: word(database), migrations: migrations ? "ok" : "pending", redis: word(redis) };
  });

  router.get("/metrics", async function showMetrics(ctx) {
    ctx.type = registry.contentType;
    ctx.body = `${await registry.metrics()}\n${await state.queueMetrics()}${await state.mailMetrics()}`;
  });
  return router;
}
