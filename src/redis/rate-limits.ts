import type { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";

import type { RateLimit } from "../domain/deps.js";
import { TooMany } from "../domain/errors.js";

/**
 * A limit shared by all processes through Redis. While Redis is away each process counts for itself: it never fails
 * open.
 *
 * @param points - How many within the duration; `0` means no limit.
 */
export function rateLimit(redis: Redis, name: string, points: number, durationSeconds: number): RateLimit {
  if (points === 0) return () => Promise.resolve();
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `limit:${name}`,
    points,
    duration: durationSeconds,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix: name, points, duration: durationSeconds }),
  });
  return (key) => consume(limiter, key, name);
}

/** A limit of this process alone, for what only it can see. */
export function localRateLimit(name: string, points: number, durationSeconds: number): RateLimit {
  if (points === 0) return () => Promise.resolve();
  const limiter = new RateLimiterMemory({ keyPrefix: name, points, duration: durationSeconds });
  return (key) => consume(limiter, key, name);
}

async function consume(limiter: RateLimiterRedis | RateLimiterMemory, key: string, name: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (error) {
    if (error instanceof RateLimiterRes) throw new TooMany(`limit ${name}`, Math.ceil(error.msBeforeNext / 1000) || 1);
    throw error;
  }
}
