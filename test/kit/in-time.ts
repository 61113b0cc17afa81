import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";

/** The work's result, and how long it took. */
export async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now();
  const value = await work;
  return { value, ms: performance.now() - startedAt };
}

/** How many turns of processes an answer takes. */
const HOPS = 10;

/** Work that is promised to end in time, and what the machine takes for it. What hangs is found on any machine. */
export async function inTime<T>(promisedMs: number, what: string, work: Promise<T>): Promise<{ value: T; ms: number }> {
  const machine = watchMachine();
  try {
    const { value, ms } = await timed(work);
    const allowedMs = machine.allowedMs(promisedMs);
    assert.ok(
      ms < promisedMs + allowedMs,
      `${what} took ${Math.round(ms)} ms; promised are ${promisedMs}, and the machine may take ${Math.round(allowedMs)}`,
    );
    return { value, ms };
  } finally {
    machine.stop();
  }
}

const TURN_MS = 20;

/** Watches how late this process gets its turns: what is measured has no part in that. */
export function watchMachine(): {
  slowestMs(): number;
  /** What may come on top of a promise: up to twice as much. */
  allowedMs(promisedMs: number): number;
  stop(): void;
} {
  let [slowest, last] = [0, performance.now()];
  const turns = setInterval(() => {
    const now = performance.now();
    slowest = Math.max(slowest, now - last - TURN_MS);
    last = now;
  }, TURN_MS);
  const slowestMs = (): number => Math.max(slowest, performance.now() - last - TURN_MS);
  return {
    slowestMs,
    allowedMs: (promisedMs) => Math.min(HOPS * slowestMs(), 2 * promisedMs),
    stop() {
      [slowest, last] = [slowestMs(), Infinity];
      clearInterval(turns);
    },
  };
}

/** Asks a web process whether it lives, over and over. */
export function feelPulse(site: string): {
  /** @returns the longest wait, that for an answer which has not come yet among them. */
  stop(): Promise<number>;
} {
  const over = new AbortController();
  let [slowest, askedAt] = [0, performance.now()];
  const beating = (async () => {
    while (!over.signal.aborted) {
      askedAt = performance.now();
      const asked = fetch(`${site}/healthz`, { signal: over.signal }).then((answer) => answer.text());
      slowest = Math.max(slowest, (await timed(asked).catch(() => undefined))?.ms ?? 0);
      await wait(20, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      const stoppedAt = performance.now();
      over.abort();
      await beating;
      return Math.max(slowest, stoppedAt - askedAt);
    },
  };
}

/** A test that takes longer hangs. */
export const BOUNDED = { timeout: 300_000 };
