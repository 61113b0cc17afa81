import { setTimeout as wait } from "node:timers/promises";
import { type Redis } from "ioredis";

import { type Feed, type Notifications } from "../domain/deps.js";

const PING_EVERY_MS = 5000;
const PONG_WITHIN_MS = 4000;
const SUBSCRIBED_WITHIN_MS = 200;
const SESSIONS = "sessions";
const channel = (id: string): string => `challenge:${id}`;

/** Publishes through a fail-fast connection. If Redis is down the message is dropped; the next re-read covers it. */
export function challengeFeed(redis: Redis): Feed & { sessionsEnded(): Promise<void> } {
  // Nobody waits for it: a Redis that hangs must hold up no callback.
  const publish = (to: string): Promise<void> => {
    if (redis.status === "ready") redis.publish(to, "1").catch(() => undefined);
    return Promise.resolve();
  };
  return { publish: (id) => publish(channel(id)), sessionsEnded: () => publish(SESSIONS) };
}

/** Listens on the channels of the challenges that somebody in this process watches. */
export function challengeNotifications(redis: Redis): Notifications {
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
    listen({ onChange, onSessionsEnded, onReconnect }) {
      redis.on("message", (from: string) => {
        if (from === SESSIONS) onSessionsEnded();
        else onChange(from.slice("challenge:".length));
      });
      const resubscribe = (): void => {
        // The connection calls itself ready before it has subscribed again: what changed meanwhile is read afterwards.
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
