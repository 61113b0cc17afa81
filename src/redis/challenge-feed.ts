import { type Redis } from "ioredis";

import { type Feed } from "../domain/deps.js";

const SESSIONS = "sessions";
const channel = (id: string): string => `challenge:${id}`;

/** The bell's other end: one subscriber connection for the whole process. */
export interface Bells {
  /** Tells when something about the challenge may have changed. Losing it is repaired by reading again. */
  watch(id: string): void;
  unwatch(id: string): void;
  /** `onRing` hears an id, `null` for "sessions ended", and everything at once after a reconnect. */
  listen(listeners: { onRing: (id: string) => void; onSessions: () => void; onReconnect: () => void }): void;
  close(): void;
}

/** Publishes through a fail-fast connection; a bell that cannot be rung is not rung. */
export function challengeFeed(redis: Redis): Feed & { sessionsEnded(): Promise<void> } {
  const ring = async (to: string): Promise<void> => {
    if (redis.status !== "ready") return;
    await redis.publish(to, "1").catch(() => undefined);
  };
  return { publish: (id) => ring(channel(id)), sessionsEnded: () => ring(SESSIONS) };
}

/** Listens on the channels of the challenges that somebody in this process watches. */
export function challengeBells(redis: Redis): Bells {
  const watched = new Set<string>();
  const pings = setInterval(() => {
    // A connection that died without a word shows itself when it is used.
    if (redis.status === "ready") void redis.ping().catch(() => undefined);
  }, 5000);
  pings.unref();
  return {
    watch(id) {
      watched.add(id);
      if (redis.status === "ready") void redis.subscribe(channel(id)).catch(() => undefined);
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
