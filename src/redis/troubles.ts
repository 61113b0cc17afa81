import { type Log } from "../domain/deps.js";
import { type Cause, causeOf } from "./causes.js";

/** A trouble that lasts is told again this often. */
const TELL_AGAIN_MS = 60_000;
/** Who hears only of failures, and never that all is well, counts as well after so long without one. */
const FORGET_FAILURE_MS = 5000;
/** Many different causes are a handful of lines and no more. */
const MOST_CAUSES = 20;

/**
 * What keeps this process from using Redis, by who met it. The log tells each cause when it begins, at most once a minute
 * while it lasts or returns, and once that all is over.
 */
export interface Troubles {
  /** @param who - Who met it; one trouble for each, until it is over. */
  meet(who: string, cause: Cause): void;
  over(who: string): void;
  /** For a command that failed: over by itself when none fails for a while. `purpose` as `causeOf` takes it. */
  failed(who: string, error: unknown, purpose?: string): void;
  any(): boolean;
}

export function redisTroubles(log: Log, now: () => number = () => performance.now()): Troubles {
  const present = new Map<string, NodeJS.Timeout | undefined>();
  const toldAt = new Map<string, number>();
  let isTold = false;

  function over(who: string): void {
    clearTimeout(present.get(who));
    if (!present.delete(who) || present.size > 0 || !isTold) return;
    isTold = false;
    log.warn({}, "Redis works again");
  }
  function meet(who: string, { reason, isAway }: Cause, forget?: NodeJS.Timeout): void {
    clearTimeout(present.get(who));
    present.set(who, forget);
    if (now() - (toldAt.get(reason) ?? -Infinity) < TELL_AGAIN_MS) return;
    if (toldAt.size >= MOST_CAUSES) toldAt.clear();
    toldAt.set(reason, now());
    isTold = true;
    log.warn({ reason }, isAway ? "Redis is away" : "Redis refuses work");
  }
  return {
    meet,
    over,
    failed(who, error, purpose) {
      meet(who, causeOf(error, purpose), setTimeout(over, FORGET_FAILURE_MS, who).unref());
    },
    any: () => present.size > 0,
  };
}
