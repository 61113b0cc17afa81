import { monitorEventLoopDelay } from "node:perf_hooks";

import { Busy } from "../../domain/errors.js";
import { type Middleware } from "../context.js";

/** What must go on even when the process is behind: finishing a sign-in that is under way. */
const ALWAYS = /^\/(login\/approval|account\/approval|challenges)(\/|$)/;

/**
 * Refuses new work while the event loop is late, so that callbacks and sign-ins under way are served in time.
 *
 * @param maxLagMs - `0` means never.
 */
export function shedLoad(maxLagMs: number): Middleware {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  if (maxLagMs > 0) delay.enable();
  let lagMs = 0;
  const sample = setInterval(() => {
    lagMs = delay.percentile(90) / 1e6 - 20;
    delay.reset();
  }, 500);
  sample.unref();
  return async function refuseWhenLate(ctx, next) {
    if (maxLagMs > 0 && lagMs > maxLagMs && ctx.method === "POST" && !ALWAYS.test(ctx.path))
      throw new Busy("event loop late");
    await next();
  };
}
