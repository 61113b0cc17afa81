import { monitorEventLoopDelay } from "node:perf_hooks";

import { Busy } from "../../domain/errors.js";
import type { Middleware } from "../context.js";

const SAMPLE_MS = 500;
/** One hiccup is no overload: the loop must be late for so many samples in a row. */
const LATE_SAMPLES = 2;

/**
 * Refuses forms while the event loop is late. Stands before the routes that begin something new, so that callbacks and
 * sign-ins under way are served in time.
 *
 * @param maxLagMs - `0` means never.
 */
export function shedLoad(maxLagMs: number): Middleware {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  if (maxLagMs > 0) delay.enable();
  let lateSamples = 0;
  const sample = setInterval(() => {
    const lagMs = delay.percentile(90) / 1e6 - 20;
    lateSamples = lagMs > maxLagMs ? lateSamples + 1 : 0;
    delay.reset();
  }, SAMPLE_MS);
  sample.unref();
  return async function refuseWhenLate(ctx, next) {
    if (maxLagMs > 0 && lateSamples >= LATE_SAMPLES && ctx.method === "POST") throw new Busy("event loop late");
    await next();
  };
}
