import type { Log } from "../domain/deps.js";
import { type Cause, causeOf } from "./causes.js";

/** A trouble that lasts is logged again this often. */
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
  /** @param who - Who met it; what was met before is forgotten, and all of it when it is over. */
  meet(who: string, causes: readonly Cause[]): void;
  over(who: string): void;
  /** For a command that failed: over by itself when none fails for a while. `purpose` as `causeOf` takes it. */
  failed(who: string, error: unknown, purpose?: string): void;
  any(): boolean;
  /** What was met and is not over, in one line. */
  reason(): string;
}

export function redisTroubles(log: Log, now: () => number = () => performance.now()): Troubles {
  const present = new Map<string, { causes: readonly Cause[]; forget: NodeJS.Timeout | undefined }>();
  const toldAt = new Map<string, number>();
  let isTold = false;

  function over(who: string): void {
    clearTimeout(present.get(who)?.forget);
    if (!present.delete(who) || present.size > 0 || !isTold) return;
    isTold = false;
    log.warn({}, "Redis works again");
  }
  function meet(who: string, causes: readonly Cause[], forget?: NodeJS.Timeout): void {
    clearTimeout(present.get(who)?.forget);
    present.set(who, { causes, forget });
    const news = causes.filter(({ reason }) => now() - (toldAt.get(reason) ?? -Infinity) >= TELL_AGAIN_MS);
    if (news.length === 0) return;
    if (toldAt.size >= MOST_CAUSES) toldAt.clear();
    for (const { reason } of news) toldAt.set(reason, now());
    isTold = true;
    log.warn({ reason: inOne(news) }, news.some(({ isAway }) => isAway) ? "Redis is away" : "Redis refuses work");
  }
  return {
    meet,
    over,
    failed(who, error, purpose) {
      meet(who, [causeOf(error, purpose)], setTimeout(over, FORGET_FAILURE_MS, who).unref());
    },
    any: () => present.size > 0,
    reason: () => inOne([...present.values()].flatMap(({ causes }) => causes)),
  };
}

/** Several causes in one line, each once. */
export function inOne(causes: readonly Cause[]): string {
  return [...new Set(causes.map(({ reason }) => reason))].join("; ");
}
