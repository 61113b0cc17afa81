import { z } from "zod";

import { type LiveStatus, PUBLIC_STATUSES, WATCHED_KINDS } from "../domain/watched.js";

const shape = z.object({
  kind: z.enum(WATCHED_KINDS),
  status: z.enum(PUBLIC_STATUSES),
  version: z.number().int().positive(),
  expiresAt: z.iso.datetime().transform((text) => new Date(text)),
});

/** A status as it is published. Its id is the channel's. */
export function messageOf({ kind, status, version, expiresAt }: LiveStatus): string {
  return JSON.stringify({ kind, status, version, expiresAt });
}

/**
 * What a message about one challenge or enrolment says; null for one that only says that something changed, as processes of
 * the release before send, and for whatever else may stand there: Redis is not trusted.
 */
export function statusIn(message: string, id: string): LiveStatus | null {
  if (!message.startsWith("{")) return null;
  try {
    return { id, ...shape.parse(JSON.parse(message)) };
  } catch {
    return null;
  }
}
