import type { ServerResponse } from "node:http";

import type { Notifications } from "../../domain/deps.js";
import { Busy, TooMany } from "../../domain/errors.js";

const MAX_PENDING_BYTES = 65_536;

/** Whose page a stream belongs to, for its limits. */
export interface PhoneStreamOwner {
  readonly keyHashes: readonly string[];
  readonly subscriberIds: readonly string[];
  readonly factorIds: readonly string[];
  readonly address: string;
}

export interface PhoneStreamLimits {
  readonly streamsPerSession: number;
  readonly streamsPerUser: number;
  readonly streamsPerAddress: number;
  readonly streams: number;
}

interface Stream {
  readonly res: ServerResponse;
  readonly owner: PhoneStreamOwner;
  /** What waited when it was last told, as one text; null before the first look. */
  told: string | null;
}

/** The open event streams of phones' pages in this process. */
export interface PhoneStreams {
  /** Announces each change of what waits; the first event comes at once. @throws TooMany, Busy before anything is written. */
  open(res: ServerResponse, owner: PhoneStreamOwner): void;
  /** Ends all, so that pages reconnect elsewhere. */
  drain(): void;
}

/**
 * A stream only announces: its page asks for the list. A factor's channel is notified when a request is sent; all lists
 * are read again every `rereadMs`, which also finds what was answered elsewhere, ran out, or was lost on the way.
 *
 * @param waiting - The ids of what waits for these keys; null when none of them may answer any more.
 */
export function phoneStreams(
  {
    notifications,
    waiting,
  }: {
    readonly notifications: Notifications;
    readonly waiting: (keyHashes: readonly string[]) => Promise<readonly string[] | null>;
  },
  limits: PhoneStreamLimits,
  times: { readonly rereadMs: number; readonly heartbeatMs: number },
): PhoneStreams {
  const streams = new Set<Stream>();
  const counts = new Map<string, number>();
  let isDraining = false;

  const keysOf = ({ keyHashes, subscriberIds, address }: PhoneStreamOwner): [key: string, limit: number][] => [
    [`s ${[...keyHashes].sort().join()}`, limits.streamsPerSession],
    ...subscriberIds.map((id): [string, number] => [`u ${id}`, limits.streamsPerUser]),
    [`a ${address}`, limits.streamsPerAddress],
  ];
  const count = (key: string, by: 1 | -1): void => {
    const next = (counts.get(key) ?? 0) + by;
    if (next === 0) counts.delete(key);
    else counts.set(key, next);
  };

  /** How many streams listen on a factor's channel. */
  const listeners = new Map<string, number>();
  function listen(factorId: string): void {
    const before = listeners.get(factorId) ?? 0;
    listeners.set(factorId, before + 1);
    if (before === 0) void notifications.watch(factorId);
  }
  function leave(factorId: string): void {
    const left = (listeners.get(factorId) ?? 1) - 1;
    if (left > 0) listeners.set(factorId, left);
    else {
      listeners.delete(factorId);
      notifications.unwatch(factorId);
    }
  }

  function write(stream: Stream, text: string): void {
    stream.res.write(text);
    // A reader that lets this much pile up is not reading.
    if (stream.res.writableLength > MAX_PENDING_BYTES) stream.res.destroy();
  }

  async function look(stream: Stream): Promise<void> {
    const ids = await waiting(stream.owner.keyHashes);
    if (ids === null) {
      stream.res.end();
      return;
    }
    const now = ids.join();
    if (now === stream.told) return;
    stream.told = now;
    write(stream, `event: change\ndata: ${JSON.stringify({ id: ids[0] ?? null })}\n\n`);
  }

  /** The database may be away for a while: the next round finds it again. */
  const lookAt = (some: Iterable<Stream>): void => {
    for (const stream of some) void look(stream).catch(() => undefined);
  };
  notifications.listen({
    onStatus: () => undefined,
    onChange(id) {
      if (listeners.has(id)) lookAt([...streams].filter(({ owner }) => owner.factorIds.includes(id)));
    },
    onSessionsEnded: () => undefined,
    onReconnect: () => {
      lookAt(streams);
    },
  });
  const rereads = setInterval(() => {
    lookAt(streams);
  }, times.rereadMs);
  const heartbeats = setInterval(() => {
    for (const stream of streams) write(stream, ":\n\n");
  }, times.heartbeatMs);
  rereads.unref();
  heartbeats.unref();

  return {
    open(res, owner) {
      if (isDraining) throw new Busy("no new streams before the end", 1);
      if (limits.streams > 0 && streams.size >= limits.streams) throw new TooMany("streams of this process", 5);
      for (const [key, limit] of keysOf(owner))
        if (limit > 0 && (counts.get(key) ?? 0) >= limit) throw new TooMany("streams", 5);
      const stream: Stream = { res, owner, told: null };
      streams.add(stream);
      for (const [key] of keysOf(owner)) count(key, 1);
      for (const factorId of owner.factorIds) listen(factorId);
      res.on("error", () => undefined);
      res.once("close", () => {
        streams.delete(stream);
        for (const [key] of keysOf(owner)) count(key, -1);
        for (const factorId of owner.factorIds) leave(factorId);
      });
      res.writeHead(200, {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store, no-transform",
        "X-Accel-Buffering": "no",
        Connection: "close",
      });
      res.write("retry: 2000\n\n");
      lookAt([stream]);
    },
    drain() {
      isDraining = true;
      clearInterval(rereads);
      clearInterval(heartbeats);
      for (const { res } of streams) res.end(`retry: ${500 + Math.floor(Math.random() * 1500)}\n\n`);
    },
  };
}
