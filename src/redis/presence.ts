import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Redis } from "ioredis";

const KEY = "countersign:processes";
const NOTE_EVERY_MS = 10_000;
const GONE_AFTER_MS = 35_000;
/** By the clock of Redis, which all of them share. Who has not been heard of for long is forgotten. */
const NOTE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  if now - tonumber(string.match(all[at + 1], '^%d+') or '0') > ${GONE_AFTER_MS} then redis.call('HDEL', KEYS[1], all[at]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ${2 * GONE_AFTER_MS})`;

export type ProcessKind = "web" | "worker";

/** A process of the program, as it tells of itself. */
export interface RunningProcess {
  readonly kind: ProcessKind;
  /** Differs from build to build. */
  readonly release: string;
  readonly host: string;
  readonly pid: number;
}

/**
 * Tells the others of this process for as long as it lives, in Redis. Where that is away nobody is told.
 *
 * @returns what takes it back
 */
export function notePresence(redis: Redis, kind: ProcessKind, release: string): () => Promise<unknown> {
  const [id, own] = [randomUUID(), { kind, release, host: hostname(), pid: process.pid }];
  const note = (): void => {
    if (redis.status === "ready") redis.eval(NOTE, 1, KEY, id, JSON.stringify(own)).catch(() => undefined);
  };
  note();
  redis.on("ready", note);
  const notes = setInterval(note, NOTE_EVERY_MS);
  notes.unref();
  return async () => {
    clearInterval(notes);
    redis.off("ready", note);
    if (redis.status === "ready") await redis.hdel(KEY, id).catch(() => undefined);
  };
}

/** The processes that told of themselves within the last half minute. @throws where Redis is away or refuses. */
export async function runningProcesses(redis: Redis): Promise<RunningProcess[]> {
  const [[seconds = 0], noted] = await Promise.all([redis.time(), redis.hgetall(KEY)]);
  return Object.values(noted).flatMap((text) => {
    const [, at, told] = /^(\d+) (.*)$/s.exec(text) ?? [];
    if (at === undefined || told === undefined || seconds * 1000 - Number(at) > GONE_AFTER_MS) return [];
    return [JSON.parse(told) as RunningProcess];
  });
}
