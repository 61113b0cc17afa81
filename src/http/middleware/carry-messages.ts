import { randomUUID } from "node:crypto";
import type Koa from "koa";
import session, { type CreateSessionOptions } from "koa-session";

import { hashSecret, newSecret } from "../../domain/secrets.js";
import { newSession } from "../../domain/session.js";
import type { Context, Flash, Middleware } from "../context.js";
import { setCookie } from "../cookies.js";
import type { HttpDeps } from "../deps.js";
import type { TextKey } from "../text.js";

/** What one page leaves for the next one. */
interface Carried {
  flashes?: Flash[];
  /** Messages that are not in words yet: names of sentences. */
  notes?: TextKey[];
  sealed?: string;
}

/**
 * koa-session carries what one page leaves for the next one of the same browser, in the session's row. It neither opens nor
 * ends anybody's session and never sees the cookie: the row is the one that this request holds now.
 */
export function carryMessages(
  app: Koa,
  { sessions, settings, now }: Pick<HttpDeps, "sessions" | "settings" | "now">,
): Middleware {
  const store: CreateSessionOptions["store"] = {
    get: (_id, _maxAge, options) => Promise.resolve(JSON.parse(contextOf(options).state.held?.data ?? "{}")),
    async set(_id, { flashes, sealed }: Carried, _maxAge, options) {
      const ctx = contextOf(options);
      // Nobody sees the page that a HEAD asks about: what it would have shown once stays for the one that is seen.
      if (ctx.method === "HEAD") return;
      const data = JSON.stringify({ flashes, sealed });
      if (ctx.state.held !== null) return sessions.keepData(ctx.state.held.id, data);
      const key = newSecret();
      const id = randomUUID();
      const row = {
        ...OF_NOBODY,
        id,
        signInId: id,
        keyHash: hashSecret(key),
        passwordAt: now(),
        authenticatedAt: now(),
      };
      await sessions.insert({ ...newSession(row, settings, now()), data: JSON.stringify({ flashes }) });
      setCookie(ctx, "session", key);
    },
    destroy: () => Promise.resolve(),
  };
  const externalKey = { get: (ctx: Context) => ctx.state.held?.id ?? "", set: () => undefined };
  return session({ store, externalKey, maxAge: "session" }, app);
}

function contextOf({ ctx }: { ctx?: unknown }): Context {
  return ctx as Context;
}

/** A session that only carries a message. */
const OF_NOBODY = {
  subscriberId: null,
  level: 0,
  epoch: 0,
  challengeId: null,
  isRemembered: false,
  address: "",
  browserLabel: "",
  methods: [],
} as const;

/** A message for the next page. */
export function flash(ctx: Context, kind: Flash["kind"], text: string): void {
  const carried = carriedBy(ctx);
  carried.flashes = [...(carried.flashes ?? []), { kind, text }].slice(-3);
}

/** The messages for this page, each shown once. */
export function takeFlashes(ctx: Context): Flash[] {
  const carried = carriedBy(ctx);
  const notes = (carried.notes ?? []).map((key) => ({ kind: "note", text: ctx.state.text(key) }) as const);
  const flashes = [...notes, ...(carried.flashes ?? [])];
  if (flashes.length > 0) {
    delete carried.flashes;
    delete carried.notes;
  }
  return flashes;
}

/** What is carried to the next page; changes are kept when the request ends. */
export function carriedBy(ctx: Context): Carried {
  return (ctx as unknown as { session: Carried }).session;
}
