import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";
import type { Redis } from "ioredis";

import type { Feed, FeedListeners, Notifications } from "../domain/deps.js";
import { type Cause, causeOf } from "./causes.js";
import { messageOf, statusIn } from "./status-message.js";
import type { Troubles } from "./troubles.js";

const PING_EVERY_MS = 5000;
const PONG_WITHIN_MS = 4000;
const SUBSCRIBED_WITHIN_MS = 200;
const UNSUBSCRIBE_AFTER_MS = 100;
const HEARD_WITHIN_MS = 800;
const SESSIONS = "sessions";
const DEAF: Cause = { reason: "what is published is not heard: that connection is made anew", isAway: true };
const channel = (id: string): string => `challenge:${id}`;

/** The feed of a process, and the way by which it hears itself. */
export interface ChallengeFeed extends Feed {
  sessionsEnded(): Promise<void>;
  /** From now on this process hears at once what it publishes itself. */
  tellAtOnce(onStatus: FeedListeners["onStatus"]): void;
  /** Resolves when nothing is on its way to Redis any more. */
  sent(): Promise<void>;
}

/**
 * Publishes through a fail-fast connection. If Redis is down the message is dropped; the next re-read covers it. The process
 * that publishes needs no Redis to tell the browsers that wait on it.
 */
export function challengeFeed(redis: Redis, troubles: Troubles): ChallengeFeed {
  let tellOwn: FeedListeners["onStatus"] = () => undefined;
  let leaving: (readonly [to: string, message: string])[] = [];
  let sending: Promise<void> = Promise.resolve();
  // Nobody waits for it: a Redis that hangs must hold up no callback.
  const publish = (to: string, message: string): void => {
    leaving.push([to, message]);
    if (leaving.length === 1) setImmediate(send);
  };
  // What one turn of the event loop has to say goes out as one piece.
  const send = (): void => {
    const messages = leaving;
    leaving = [];
    if (redis.status !== "ready") return;
    const pipeline = redis.pipeline();
    for (const [to, message] of messages) pipeline.publish(to, message);
    const refused = (error: unknown): void => {
      troubles.failed("feed", error, "publish to challenge:*");
    };
    sending = pipeline.exec().then((results) => {
      const [error] = results?.find(([each]) => each !== null) ?? [null];
      if (error !== null) refused(error);
    }, refused);
  };
  return {
    publish(status) {
      tellOwn(status);
      publish(channel(status.id), messageOf(status));
    },
    changed(id) {
      publish(channel(id), "1");
    },
    sessionsEnded() {
      publish(SESSIONS, "1");
      return Promise.resolve();
    },
    tellAtOnce(onStatus) {
      tellOwn = onStatus;
    },
    async sent() {
      if (leaving.length > 0) await nextTurn();
      await sending;
    },
  };
}

/** Listens on the channels of the challenges that somebody in this process watches. */
export function challengeNotifications(redis: Redis): Notifications & {
  /** Whether what `publisher` publishes is heard here; the connection is made anew if not. @returns what is wrong, or null. */
  tryWith(publisher: Redis): Promise<Cause | null>;
} {
  const watched = new Set<string>();
  /** Nobody in this process waits for these any more; they are unsubscribed together. */
  let left: string[] = [];
  const unsubscribe = (): void => {
    const channels = left.filter((id) => !watched.has(id)).map(channel);
    left = [];
    if (channels.length > 0 && redis.status === "ready") void redis.unsubscribe(...channels).catch(() => undefined);
  };
  /** On this one the process hears itself. */
  const own = channel(`check-${randomUUID()}`);
  let hearItself = (): void => undefined;
  redis.on("message", (from: string) => {
    if (from === own) hearItself();
  });
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
      const subscribed = redis.subscribe(channel(id)).catch(() => undefined); // `tryWith` tells of a refusal
      await Promise.race([subscribed, wait(SUBSCRIBED_WITHIN_MS, undefined, { ref: false })]);
    },
    unwatch(id) {
      watched.delete(id);
      left.push(id);
      if (left.length === 1) setTimeout(unsubscribe, UNSUBSCRIBE_AFTER_MS).unref();
    },
    listen({ onStatus, onChange, onSessionsEnded, onReconnect }) {
      redis.on("message", (from: string, message: string) => {
        if (from === SESSIONS) {
          onSessionsEnded();
          return;
        }
        const id = from.slice("challenge:".length);
        // Of what this process has settled itself its browsers know already.
        if (!watched.has(id)) return;
        const status = statusIn(message, id);
        if (status === null) onChange(id);
        else onStatus(status);
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
    async tryWith(publisher) {
      if (redis.status !== "ready") return null; // it tells why itself
      const late = wait(HEARD_WITHIN_MS, "late" as const, { ref: false });
      const heard = new Promise<void>((resolve) => (hearItself = resolve));
      const subscribed = redis.subscribe(own).then(
        () => null,
        (error: unknown) => causeOf(error, "subscribe to challenge:*"),
      );
      const refused = await Promise.race([subscribed, late]);
      if (refused !== null && refused !== "late") return refused;
      const published = await publisher.publish(own, "1").catch(() => null);
      if (published === null || (await Promise.race([heard, late])) !== "late") return null;
      redis.disconnect(true);
      return DEAF;
    },
    close() {
      clearInterval(pings);
      redis.disconnect();
    },
  };
}
