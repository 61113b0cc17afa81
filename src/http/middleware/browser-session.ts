import { randomUUID } from "node:crypto";
import type Koa from "koa";
import session, { type CreateSessionOptions } from "koa-session";

import { type Deps } from "../../domain/deps.js";
import { hashSecret, newSecret } from "../../domain/secrets.js";
import {
  type AssuranceLevel,
  type Session,
  type SessionStore,
  signedIn,
  type StoredSession,
} from "../../domain/session.js";
import { originOf } from "../origin.js";
import { type Context, type Flash, type Middleware } from "../context.js";
import { cookieName, cookieOptions } from "./visit.js";

/** How long sessions last; a setting of its own, since only this room opens them. */
export interface SessionLifetimes {
  readonly sessionIdleSeconds: number;
  readonly sessionMaxSeconds: number;
  readonly rememberSeconds: number;
}

/** What a new session is for. */
export interface Opening {
  readonly subscriberId: string;
  readonly level: AssuranceLevel;
  readonly epoch: number;
  readonly challengeId: string | null;
  readonly isRemembered: boolean;
  readonly passwordAt: Date;
  /** Set where a session only changes its id: then it ends when it would have ended. */
  readonly expiresAt?: Date;
}

/** "Last seen" is written at most this often. */
const TOUCH_EVERY_MS = 60_000;

type SessionDeps = Pick<Deps, "now" | "subscribers"> & { readonly store: SessionStore };

/** The session of a request while koa-session carries it: messages, and for a new id the row that it stands for. */
interface Carried {
  flashes?: Flash[];
  sealed?: string;
}

/** Rows that are about to get their id: koa-session makes the id, the row says whose it is. */
const openings = new WeakMap<Koa.Context, StoredSession>();
/** The id that a new one takes the place of: it ends once the new one is kept, so that no crash leaves neither. */
const replaced = new WeakMap<Koa.Context, string>();
/** Requests whose new session could not be kept: their browser goes on with the id that it brought. */
const unopened = new WeakSet<Koa.Context>();
/** The id that a request made: it may be saved again before the answer goes out. */
const madeIds = new WeakMap<Koa.Context, string>();

/**
 * Sessions in the database behind koa-session: the cookie carries 256 random bits, the table their hash. Who is signed
 * in stands in columns that only `openSession` writes, so that no slow request can undo a sign-in or bring an ended
 * session back.
 */
export function browserSession(
  app: Koa,
  deps: SessionDeps,
  isHttps: boolean,
  lifetimes: SessionLifetimes,
): Middleware[] {
  const key = cookieName("session", isHttps);
  const store: CreateSessionOptions["store"] = {
    async get(id: string, _maxAge: unknown, { ctx }: { ctx?: Koa.Context }) {
      const row = await deps.store.load(hashSecret(id), deps.now());
      if (row === null || ctx === undefined) return null;
      (ctx as unknown as Context).state.session = signedIn(row);
      return {
        ...(JSON.parse(row.data) as Carried),
        ...(row.isRemembered ? { _maxAge: row.expiresAt.getTime() - Date.now() } : { _session: true }),
      };
    },
    async set(id: string, value: Carried, _maxAge: unknown, { ctx }: { ctx?: Koa.Context }) {
      const { flashes, sealed } = value;
      const data = JSON.stringify({
        ...(flashes === undefined ? {} : { flashes }),
        ...(sealed === undefined ? {} : { sealed }),
      });
      if (ctx === undefined) return;
      const opening = openings.get(ctx);
      openings.delete(ctx);
      const isLiving = madeIds.get(ctx) === id || ctx.cookies.get(key, { signed: true }) === id;
      if (opening === undefined && isLiving) return deps.store.keep(hashSecret(id), data);
      madeIds.set(ctx, id);
      if (opening === undefined) return deps.store.open(messengerRow(id, data, deps.now(), lifetimes));
      try {
        await deps.store.open({ ...opening, keyHash: hashSecret(id), data });
        const old = replaced.get(ctx);
        if (old !== undefined) await deps.store.endByKey(hashSecret(old), deps.now());
      } catch (error) {
        unopened.add(ctx);
        throw error;
      }
    },
    async destroy(id: string, { ctx }: { ctx?: Koa.Context }) {
      if (ctx !== undefined && openings.has(ctx)) replaced.set(ctx, id);
      else await deps.store.endByKey(hashSecret(id), deps.now());
    },
  };
  const options: CreateSessionOptions = {
    ...cookieOptions(isHttps),
    key,
    maxAge: "session",
    rolling: false,
    renew: false,
    genid: newSecret,
    store,
  };
  return [keepCookie(key), session(options, app), readSubscriber(deps, lifetimes)];
}

/**
 * koa-session takes the old cookie back before the new session is kept, and may give the new one out although it was not;
 * where that failed, the old one still lives.
 */
function keepCookie(key: string): Middleware {
  return async function keepCookieWhereNoneWasOpened(ctx, next) {
    try {
      await next();
    } catch (error) {
      if (unopened.has(ctx)) {
        const cookies = [ctx.res.getHeader("Set-Cookie") ?? []].flat().map(String);
        ctx.set(
          "Set-Cookie",
          cookies.filter((line) => !line.startsWith(`${key}=`) && !line.startsWith(`${key}.sig=`)),
        );
      }
      throw error;
    }
  };
}

function readSubscriber(deps: SessionDeps, lifetimes: SessionLifetimes): Middleware {
  return async function findWhoIsSignedIn(ctx, next) {
    const current = ctx.state.session;
    if (current !== null) {
      ctx.state.subscriber = await deps.subscribers.find(current.subscriberId);
      if (ctx.state.subscriber === null) ctx.state.session = null;
      // Streams and polls are no activity of a person.
      else if (!ctx.path.startsWith("/challenges/")) await touch(ctx, deps, current, lifetimes);
    }
    await next();
  };
}

async function touch(ctx: Context, deps: SessionDeps, current: Session, lifetimes: SessionLifetimes): Promise<void> {
  const now = deps.now();
  const everyMs = Math.min(TOUCH_EVERY_MS, lifetimes.sessionIdleSeconds * 250);
  if (now.getTime() - current.seenAt.getTime() < everyMs) return;
  await deps.store.touch(
    current.id,
    now,
    // A remembered session has no idle limit, only its end.
    current.isRemembered ? current.expiresAt : new Date(now.getTime() + lifetimes.sessionIdleSeconds * 1000),
    originOf(ctx).address,
  );
}

/** A session of nobody, which carries a message to the next page. */
function messengerRow(id: string, data: string, now: Date, lifetimes: SessionLifetimes): StoredSession {
  const end = new Date(now.getTime() + lifetimes.sessionIdleSeconds * 1000);
  return {
    id: randomUUID(),
    keyHash: hashSecret(id),
    subscriberId: null,
    level: 0,
    epoch: 0,
    browserLabel: "",
    address: "",
    challengeId: null,
    isRemembered: false,
    passwordAt: now,
    createdAt: now,
    seenAt: now,
    idleUntil: end,
    expiresAt: end,
    endedAt: null,
    data,
  };
}

/** Signs the browser in under a new id; the id that it brought ends. @returns the new session. */
export async function openSession(
  ctx: Context,
  now: Date,
  lifetimes: SessionLifetimes,
  opening: Opening,
): Promise<Session> {
  const fullMs = (opening.isRemembered ? lifetimes.rememberSeconds : lifetimes.sessionMaxSeconds) * 1000;
  const expiresAt = opening.expiresAt ?? new Date(now.getTime() + fullMs);
  const idleUntil = opening.isRemembered ? expiresAt : new Date(now.getTime() + lifetimes.sessionIdleSeconds * 1000);
  const { address, browserLabel } = originOf(ctx);
  const row: StoredSession = {
    ...opening,
    id: randomUUID(),
    keyHash: "",
    address,
    browserLabel,
    createdAt: now,
    seenAt: now,
    idleUntil: idleUntil < expiresAt ? idleUntil : expiresAt,
    expiresAt,
    endedAt: null,
    data: "{}",
  };
  openings.set(ctx, row);
  const carrier = carrierOf(ctx);
  if (opening.isRemembered) carrier.maxAge = expiresAt.getTime() - now.getTime();
  await carrier.regenerate();
  const opened = signedIn(row);
  if (opened === null) throw new Error("an opening always signs in");
  ctx.state.session = opened;
  return opened;
}

/** Ends the session on the server and gives the browser a fresh one of nobody. */
export async function closeSession(ctx: Context): Promise<void> {
  const carrier = carrierOf(ctx);
  delete carrier.sealed;
  await carrier.regenerate();
  ctx.state.session = null;
  ctx.state.subscriber = null;
}

/** A message for the next page. */
export function flash(ctx: Context, kind: Flash["kind"], text: string): void {
  const carrier = carrierOf(ctx);
  carrier.flashes = [...(carrier.flashes ?? []), { kind, text }].slice(-3);
}

/** The messages for this page, each shown once. */
export function takeFlashes(ctx: Context): Flash[] {
  const carrier = carrierOf(ctx);
  const flashes = carrier.flashes ?? [];
  if (flashes.length > 0) delete carrier.flashes;
  return flashes;
}

type Carrier = Carried & { maxAge: number | "session" | undefined; externalKey: string; regenerate(): Promise<void> };

/** What koa-session carries for this request. */
export function carrierOf(ctx: Context): Carrier {
  return (ctx as unknown as { session: Carrier }).session;
}
