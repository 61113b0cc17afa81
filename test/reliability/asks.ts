import type { Program } from "../kit/program.js";
import { until } from "../kit/until.js";

/** Resolves when the sandbox is asked about an approval the next time. */
export function nextAsk(program: Program): Promise<unknown> {
  const calls = watchAsks(program);
  return until(() => calls.asked() > 0, "Authy was not asked");
}

export interface Asks {
  asked(): number;
  mostAtOnce(): number;
}

const watched = new WeakMap<Program, { count: number; now: number; most: number }>();

/** Counts the questions about approvals from now on, where the sandbox receives them. */
export function watchAsks(program: Program): Asks {
  let seen = watched.get(program);
  if (seen === undefined) {
    const counts = { count: 0, now: 0, most: 0 };
    watched.set(program, counts);
    seen = counts;
    program.watchSandbox((path) => {
      const by = /^\/onetouch\/json\/approval_requests\/[\w-]+$/.test(path) ? 1 : 0;
      counts.count += by;
      counts.now += by;
      counts.most = Math.max(counts.most, counts.now);
      return () => {
        counts.now -= by;
      };
    });
  }
  const counts = seen;
  const from = counts.count;
  return { asked: () => counts.count - from, mostAtOnce: () => counts.most };
}
