import { setTimeout as wait } from "node:timers/promises";
import { type Redis } from "ioredis";

import { type Feed } from "../domain/deps.js";

const PING_EVERY_MS = 5000;
const PONG_WITHIN_MS = 4000;
const SUBSCRIBED_WITHIN_MS = 200;
const SESSIONS = "sessions";
const channel = (id: string): string => `challenge:${id}`;

/** The bell's other end: one subscriber connection for the whole process. */
export interface Bells {
  /**
   * Tells when something about the challenge may have changed. Resolves once that is so, or soon when Redis is away:
   * losing a bell is repaired by reading again.
   */
  watch(id: string): Promise<void>;
  unwatch(id: string): void;
  /** `onRing` hears an id, `null` for "sessions ended", and everything at once after a reconnect. */
  listen(listeners: { onRing: (id: string) => void; onSessions: () => void; onReconnect: () => void }): void;
  close(): void;
}

/** Publishes through a fail-fast connection; a bell that cannot be rung is not rung. */
export function challengeFeed(redis: Redis): Feed & { sessionsEnded(): Promise<void> } {
  // Nobody waits for a bell: a Redis that hangs must hold up no callback.
  const ring = (to: string): Promise<void> => {
    if (redis.status === "ready") redis.publish(to, "1").catch(() => undefined);
    return Promise.resolve();
  };
  return { publish: (id) => ring(channel(id)), sessionsEnded: () => ring(SESSIONS) };
}

/** Listens on the channels of the challenges that somebody in this process watches. */
export function challengeBells(redis: Redis): Bells {
  const watched = new Set<string>();
  const pings = setInterval(() => {
    // A connection that died without a word shows itself when it is used, or never: then a new one is made.
    if (redis.status === "ready" && !isAsking) void ask();
  }, PING_EVERY_MS);
  pings.unref();
  let isAsking = false;
  async function ask(): Promise<void> {
    isAsking = true;
    const answered = redis.ping().then(
      () => true,
      () => false,
    );
    if (!(await Promise.race([answered, wait(PONG_WITHIN_MS, false, { ref: false })]))) redis.disconnect(true);
    isAsking = false;
  }
  return {
    async watch(id) {
      watched.add(id);
      if (redis.status !== "ready") return;
      const subscribed = redis.subscribe(channel(id)).catch(() => undefined);
      await Promise.race([subscribed, wait(SUBSCRIBED_WITHIN_MS, undefined, { ref: false })]);
    },
    unwatch(id) {
      watched.delete(id);
      if (redis.status === "ready") void redis.unsubscribe(channel(id)).catch(() => undefined);
    },
    listen({ onRing, onSessions, onReconnect }) {
      redis.on("message", (from: string) => {
        if (from === SESSIONS) onSessions();
        else onRing(from.slice("challenge:".length));
      });
      const resubscribe = (): void => {
        // The connection calls itself ready before it has subscribed again: what rang meanwhile is read afterwards.
        void redis
          .subscribe(SESSIONS, ...Array.from(watched, channel))
          .catch(() => undefined)
          .then(onReconnect);
      };
      redis.on("ready", resubscribe);
      if (redis.status === "ready") resubscribe();
    },
    close() {
      clearInterval(pings);
      redis.disconnect();
    },
  };
}
