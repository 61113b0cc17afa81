import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

import type { Notifications } from "../domain/deps.js";
import { Busy, TooMany } from "../domain/errors.js";
import { isFinal, type LiveStatus, WATCHED_KINDS, type WatchedKind } from "../domain/watched.js";

const MAX_PENDING_BYTES = 65_536;
const READ_AT_ONCE = 500;

/** Whose a stream is, for its limits and its end. */
export interface StreamOwner {
  /** The session or attempt that may watch; its limit. */
  readonly sessionKey: string;
  readonly subscriberId: string;
  readonly address: string;
  /** Set where the stream must end with a session; null for a sign-in that has none yet. */
  readonly sessionId: string | null;
}

export interface StreamLimits {
  readonly streamsPerSession: number;
  readonly streamsPerUser: number;
  readonly streamsPerAddress: number;
  readonly streams: number;
}

/** What a stream tells of. */
export type StreamSubject = Pick<LiveStatus, "id" | "kind">;

interface Stream {
  readonly socket: Socket;
  readonly id: string;
  readonly owner: StreamOwner;
  lastVersion: number;
}

/** All open event streams of this process. */
export interface StreamHub {
  /**
   * Answers with the event stream of a challenge or enrolment: the present state first, then each change, then the end.
   * @throws TooMany before anything is written.
   */
  open(res: ServerResponse, subject: StreamSubject, owner: StreamOwner): Promise<void>;
  /** Tells whoever waits for it what this process has settled itself. */
  tell(status: LiveStatus): void;
  readonly size: number;
  /** Ends all streams so that browsers reconnect elsewhere, not all at once. */
  drain(): void;
}

type ReadStatuses = (kind: WatchedKind, ids: readonly string[]) => Promise<LiveStatus[]>;

export interface StreamHubDeps {
  readonly notifications: Notifications;
  /** Reads the rows of one kind. */
  readonly readStatuses: ReadStatuses;
  /** Of these, only those that have changed since they were made, or are over their time. */
  readonly readChanged: ReadStatuses;
  /** Called for what is still pending after its time: the clock's own witness. */
  readonly onOverdue: (status: LiveStatus) => void;
  /** Those of the sessions that live. */
  readonly livingSessions: (sessionIds: readonly string[]) => Promise<readonly string[]>;
  readonly now: () => Date;
}

/**
 * Watches first, then reads, then writes: an answer that lands between the two would otherwise never be seen. All rows
 * that somebody watches are read again every `rereadMs`, in one query for each kind: the backstop for a notification that
 * was lost.
 */
export function streamHub(
  deps: StreamHubDeps,
  limits: StreamLimits,
  times: { rereadMs: number; heartbeatMs: number; overdueMs: number },
): StreamHub {
  /** By id: the kind, so that a row is read again from its own table alone, and whoever watches it. */
  const watched = new Map<string, { readonly kind: WatchedKind; streams: readonly Stream[] }>();
  const counts = new Map<string, number>();
  let size = 0;
  let isDraining = false;

  const count = (key: string, by: 1 | -1): void => {
    const next = (counts.get(key) ?? 0) + by;
    if (next === 0) counts.delete(key);
    else counts.set(key, next);
  };
  const keysOf = (owner: StreamOwner): readonly [string, number][] => [
    [`s ${owner.sessionKey}`, limits.streamsPerSession],
    [`u ${owner.subscriberId}`, limits.streamsPerUser],
    [`a ${owner.address}`, limits.streamsPerAddress],
  ];

  function refuseTooMany(owner: StreamOwner): void {
    if (isDraining) throw new Busy("no new streams before the end", 1);
    if (limits.streams > 0 && size >= limits.streams) throw new TooMany("streams of this process", 5);
    for (const [key, limit] of keysOf(owner))
      if (limit > 0 && (counts.get(key) ?? 0) >= limit) throw new TooMany("streams", 5);
  }

  async function add(stream: Stream, kind: WatchedKind): Promise<void> {
    size += 1;
    for (const [key] of keysOf(stream.owner)) count(key, 1);
    stream.socket.once("close", () => {
      remove(stream);
    });
    const watching = watched.get(stream.id);
    if (watching !== undefined) watching.streams = [...watching.streams, stream];
    else {
      watched.set(stream.id, { kind, streams: [stream] });
      await deps.notifications.watch(stream.id);
    }
  }

  function remove(stream: Stream): void {
    const watching = watched.get(stream.id);
    if (watching?.streams.includes(stream) !== true) return;
    watching.streams = watching.streams.filter((each) => each !== stream);
    size -= 1;
    for (const [key] of keysOf(stream.owner)) count(key, -1);
    if (watching.streams.length === 0) {
      watched.delete(stream.id);
      deps.notifications.unwatch(stream.id);
    }
  }

  function end(stream: Stream, lastWords?: string): void {
    remove(stream);
    if (lastWords !== undefined) stream.socket.write(lastWords);
    stream.socket.destroySoon();
  }

  function write(stream: Stream, text: string): void {
    stream.socket.write(text);
    // A reader that lets this much pile up is not reading.
    if (stream.socket.writableLength > MAX_PENDING_BYTES) stream.socket.destroy();
  }

  function announce(status: LiveStatus): void {
    for (const stream of watched.get(status.id)?.streams ?? []) {
      if (status.version <= stream.lastVersion) continue;
      stream.lastVersion = status.version;
      if (isFinal(status.status)) end(stream, eventText(status));
      else write(stream, eventText(status));
    }
    if (!isFinal(status.status) && deps.now().getTime() >= status.expiresAt.getTime() + times.overdueMs)
      deps.onOverdue(status);
  }

  async function reread(ids: readonly string[], read: ReadStatuses): Promise<void> {
    for (const kind of WATCHED_KINDS) {
      const ofKind = ids.filter((id) => watched.get(id)?.kind === kind);
      for (let from = 0; from < ofKind.length; from += READ_AT_ONCE)
        for (const status of await read(kind, ofKind.slice(from, from + READ_AT_ONCE))) announce(status);
    }
  }

  /** Most wait as they did at first: whoever knows that has nothing to read. */
  async function rereadAll(): Promise<void> {
    const knows = ({ lastVersion }: Stream): boolean => lastVersion > 0;
    const ids = [...watched.keys()];
    const told = new Set(ids.filter((id) => watched.get(id)?.streams.every(knows)));
    await reread([...told], deps.readChanged);
    await reread(
      ids.filter((id) => !told.has(id)),
      deps.readStatuses,
    );
  }

  async function endDeadSessions(): Promise<void> {
    const streams = Array.from(watched.values(), (each) => each.streams).flat();
    const sessionIds = [...new Set(streams.map(({ owner }) => owner.sessionId).filter((id) => id !== null))];
    for (let from = 0; from < sessionIds.length; from += READ_AT_ONCE) {
      const asked = new Set(sessionIds.slice(from, from + READ_AT_ONCE));
      for (const living of await deps.livingSessions([...asked])) asked.delete(living);
      for (const stream of streams)
        if (stream.owner.sessionId !== null && asked.has(stream.owner.sessionId)) end(stream);
    }
  }

  /** The database may be away for a while: the next round finds it again. */
  const quietly = (work: Promise<void>): void => {
    void work.catch(() => undefined);
  };
  let isReading = false;
  const readAll = (): void => {
    if (isReading || watched.size === 0) return;
    isReading = true;
    quietly(
      rereadAll()
        .then(endDeadSessions)
        .finally(() => {
          isReading = false;
        }),
    );
  };
  const rereadOne = (id: string): void => {
    if (watched.has(id)) quietly(reread([id], deps.readStatuses));
  };
  const tell = (status: LiveStatus): void => {
    // Only an end is believed without a look at the row: whatever else a message says must not hide what comes later.
    if (isFinal(status.status) && watched.get(status.id)?.kind === status.kind) announce(status);
    else rereadOne(status.id);
  };
  deps.notifications.listen({
    onStatus: tell,
    onChange: rereadOne,
    onSessionsEnded: () => {
      quietly(endDeadSessions());
    },
    onReconnect: readAll,
  });
  const rereads = setInterval(readAll, times.rereadMs);
  const heartbeats = setInterval(() => {
    for (const { streams } of watched.values()) for (const stream of streams) write(stream, ":\n\n");
  }, times.heartbeatMs);
  rereads.unref();
  heartbeats.unref();

  return {
    async open(res, { id, kind }, owner) {
      const socket = await connectionOf(res);
      refuseTooMany(owner);
      res.statusCode = 200;
      for (const [name, value] of STREAM_HEADERS) res.setHeader(name, value);
      if (res.req.method === "HEAD") {
        res.end();
        return;
      }
      socket.write(`${takeHead(res)}retry: 2000\n\n`);
      if (socket.destroyed) return; // it left while its row was looked up
      const stream: Stream = { socket, id, owner, lastVersion: 0 };
      await add(stream, kind);
      try {
        const [present] = await deps.readStatuses(kind, [id]);
        if (present === undefined) end(stream);
        else announce(present);
      } catch {
        // The database is away: the next round of reading sends the first event.
      }
    },
    tell,
    get size() {
      return size;
    },
    drain() {
      isDraining = true;
      clearInterval(rereads);
      clearInterval(heartbeats);
      for (const { streams } of [...watched.values()])
        for (const stream of streams)
          // Spread over a second and a half, so that the next process is not met by all at once.
          end(stream, `retry: ${500 + Math.floor(Math.random() * 1500)}\n\n`);
    },
  };
}

/** Its connection, as soon as the answer before it on the same one is done: the next request may come a moment earlier. */
async function connectionOf(res: ServerResponse): Promise<Socket> {
  const { socket } = res.req;
  if (res.socket === null)
    await new Promise<void>((resolve) => {
      res.once("socket", () => {
        resolve();
      });
      socket.once("close", resolve);
    });
  return socket;
}

const STREAM_HEADERS = [
  ["Content-Type", "text/event-stream; charset=utf-8"],
  ["Cache-Control", "no-store, no-transform"],
  ["X-Accel-Buffering", "no"],
  ["Connection", "close"],
] as const;

/**
 * The head of an answer, which then holds it no longer. A stream is written past its response, to the connection itself: Node.js
 * would keep its headers twice for as long as it is open, which takes more memory than all the rest of it. Its body ends with
 * the connection.
 */
function takeHead(res: ServerResponse): string {
  const lines = [`HTTP/1.1 ${res.statusCode} OK`, `Date: ${new Date().toUTCString()}`];
  for (const [name, values] of Object.entries(res.getHeaders()))
    for (const value of [values ?? []].flat()) lines.push(`${name}: ${value}`);
  // As it was before the first header was set. Where Node.js calls it otherwise, each stream takes more memory and that is all.
  const headers = Object.getOwnPropertySymbols(res).find(({ description }) => description === "kOutHeaders");
  if (headers !== undefined) Object.assign(res, { [headers]: null });
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** One event, as browsers read it. */
function eventText({ id, kind, status, version, expiresAt }: LiveStatus): string {
  const data = JSON.stringify({ id, kind, status, expiresAt: expiresAt.toISOString() });
  return `event: status\nid: ${version}\ndata: ${data}\n\n`;
}
