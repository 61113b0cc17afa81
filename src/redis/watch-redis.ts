import type { Redis } from "ioredis";

import { type Cause, causeOf } from "./causes.js";
import type { Troubles } from "./troubles.js";

/** A Redis that answers PING may refuse all else; so what is needed is tried, seldom while it works. */
const TRY_EVERY_MS = 5000;
const TRY_EVERY_MS_IN_TROUBLE = 1000;
/** Who asks about health gets an answer of this age. */
const FRESH_MS = 1000;
/** What was missed while Redis refused takes a while to be caught up with. */
const CATCH_UP_MS = 10_000;

const NOT_READY: Cause = { reason: "no connection gets ready", isAway: true };
const TOUCH_KEY = "return redis.call('SET', KEYS[1], 1, 'PX', 60000)";

type Need = (redis: Redis) => Promise<Cause | null>;

/** The smallest commands that need what the program needs: keys of its own, of its limits and of its queue; scripts. */
const NEEDS: readonly Need[] = [
  // The client goes on in database 0 when another one is refused.
  trying("use the database in REDIS_URL", async (redis) => database(redis) === 0 || redis.select(database(redis))),
  trying("use the keys countersign:*", (redis) => redis.set("countersign:check", "1", "PX", 60_000)),
  trying("use the keys limit:*", (redis) => redis.eval(TOUCH_KEY, 1, "limit:check")),
  trying("use the keys bull:*", (redis) =>
    redis.eval(TOUCH_KEY, 1, `${redis.isCluster ? "{bull}" : "bull"}:challenge-poll:check`),
  ),
  trying("publish to challenge:*", (redis) => redis.publish("challenge:check", "1")),
];

function database({ options }: Redis): number {
  return options.db ?? 0;
}

function trying(purpose: string, attempt: (redis: Redis) => Promise<unknown>): Need {
  return (redis) =>
    attempt(redis).then(
      () => null,
      (error: unknown) => causeOf(error, purpose),
    );
}

/**
 * Tries all that is needed.
 *
 * @param more - What else to try, as a subscription.
 * @returns what is wrong; nothing when all is well.
 */
export async function tryRedis(redis: Redis, more: readonly Need[]): Promise<readonly Cause[]> {
  if (redis.status !== "ready") return [NOT_READY];
  const causes = (await Promise.all([...NEEDS, ...more].map((need) => need(redis)))).filter((cause) => cause !== null);
  const away = causes.find(({ isAway }) => isAway);
  return away === undefined ? causes : [away];
}

/** What the process knows of its Redis. */
export interface RedisWatch {
  /** False while anything that is needed does not work; at most a second old. */
  isWell(): Promise<boolean>;
  /** False while anything was wrong lately, so that jobs may be missing or stuck. */
  isReliable(): boolean;
  /** Tries this too from now on. */
  alsoTry(need: Need): void;
  close(): void;
}

/** Tries Redis over and over, and notes what is wrong. */
export function watchRedis(redis: Redis, troubles: Troubles): RedisWatch {
  const more: Need[] = [];
  let [triedAt, troubledAt] = [-Infinity, -Infinity];
  let trying: Promise<void> | undefined;
  let wasReady = true;

  async function tryAll(): Promise<void> {
    let causes = await tryRedis(redis, more);
    // A busy moment of this process looks like a silent Redis.
    if (causes[0]?.isAway === true && !troubles.any()) causes = await tryRedis(redis, more);
    triedAt = performance.now();
    const isReady = causes[0] !== NOT_READY;
    if (causes.length === 0) troubles.over("check");
    // The connection itself knows better what keeps it from being ready, and most often is so in a moment.
    else if (isReady || !(wasReady || troubles.any())) troubles.meet("check", causes);
    wasReady = isReady;
  }
  function tryOnce(): Promise<void> {
    trying ??= tryAll().finally(() => {
      trying = undefined;
    });
    return trying;
  }
  const tries = setInterval(() => {
    const now = performance.now();
    if (troubles.any()) troubledAt = now;
    const pause = troubles.any() ? TRY_EVERY_MS_IN_TROUBLE : TRY_EVERY_MS;
    if (now - triedAt >= pause) void tryOnce();
  }, 500);
  tries.unref();
  return {
    async isWell() {
      if (performance.now() - triedAt > FRESH_MS) await tryOnce();
      return wasReady && !troubles.any();
    },
    isReliable: () => !troubles.any() && performance.now() - troubledAt > CATCH_UP_MS,
    alsoTry: (need) => more.push(need),
    close() {
      clearInterval(tries);
    },
  };
}
