import { eventually, type Town } from "./town.js";

/** Resolves when the sandbox is asked about an approval the next time. */
export function nextAsk(town: Town): Promise<unknown> {
  const calls = watchAsks(town);
  return eventually(() => calls.asked() > 0, 30_000, "Authy was not asked");
}

export interface Asks {
  asked(): number;
  mostAtOnce(): number;
}

const watched = new WeakMap<object, { count: number; now: number; most: number }>();

/** Counts the questions about approvals from now on, at the door of the sandbox. */
export function watchAsks({ world }: Town): Asks {
  let seen = watched.get(world);
  if (seen === undefined) {
    const counts = { count: 0, now: 0, most: 0 };
    watched.set(world, counts);
    seen = counts;
    world.watchSandbox((path) => {
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
