import type { SessionBrowser, SignedIn } from "../domain/open-session.js";
import { isMoveDue, movesFromAuthy } from "../domain/move-from-authy.js";
import { hashSecret } from "../domain/secrets.js";
import { idleUntil, signedIn } from "../domain/session.js";
import type { Context, Middleware, RequestState } from "./context.js";
import { forgetCookie, readCookie, setCookie } from "./cookies.js";
import type { HttpDeps } from "./deps.js";
import { giveKnownKey, knownKey } from "./known-browser.js";
import { addressOf, originOf } from "./origin.js";

/** "Last seen" is written at most this often. */
const TOUCH_EVERY_MS = 60_000;

type SessionDeps = Pick<HttpDeps, "sessions" | "subscribers" | "settings" | "now">;

/**
 * Who is signed in, from the session cookie alone: 256 random bits, of which the database has the hash. Nothing is written.
 * For routes of every kind, those of machines too, which have no forms and no messages.
 */
export async function readSignedIn(
  ctx: Context,
  { sessions, subscribers, now }: SessionDeps,
): Promise<Pick<RequestState, "held" | "session" | "subscriber">> {
  const key = readCookie(ctx, "session");
  const stored = key === "" ? null : await sessions.load(hashSecret(key), now());
  if (stored === null) return { held: null, session: null, subscriber: null };
  const held = { key, id: stored.id, data: stored.data };
  const session = signedIn(stored);
  const subscriber = session && (await subscribers.find(session.subscriberId));
  return { held, session: subscriber && session, subscriber };
}

/** Hands on with each request who is signed in. */
export function findWhoIsSignedIn(deps: SessionDeps): Middleware {
  return async function readSessionCookie(ctx, next) {
    Object.assign(ctx.state, await readSignedIn(ctx, deps));
    await next();
  };
}

/** Notes who has to move over from Authy, where the operator requires that. */
export function noteMustMove(deps: Pick<HttpDeps, "factors" | "settings" | "providers" | "now">): Middleware {
  const isRequired = deps.settings.moveFromAuthy === "require" && movesFromAuthy(deps);
  return async function findWhetherToMove(ctx, next) {
    const { subscriber } = ctx.state;
    if (isRequired && subscriber !== null)
      ctx.state.mustMove = isMoveDue(deps, subscriber, await deps.factors.listActive(subscriber.id));
    await next();
  };
}

/** Keeps the session of an active person from running idle. Not for streams and polls, which no person sends. */
export function noteActivity({ sessions, settings, now }: SessionDeps): Middleware {
  return async function touchSession(ctx, next) {
    const { session } = ctx.state;
    const at = now();
    const everyMs = Math.min(TOUCH_EVERY_MS, settings.sessionIdleSeconds * 250);
    if (session !== null && at.getTime() - session.seenAt.getTime() >= everyMs)
      await sessions.touch(session.id, at, idleUntil(session, settings, at), addressOf(ctx));
    await next();
  };
}

/** What this browser brings to whatever opens or renews a session of an account. */
export function sessionBrowser(ctx: Context, subscriberId: string): SessionBrowser {
  return { ...originOf(ctx), sessionKeyHash: heldKeyHash(ctx), knownKey: knownKey(ctx, subscriberId) };
}

/** The database's name of the session key that this browser brought. */
export function heldKeyHash(ctx: Context): string | null {
  return ctx.state.held && hashSecret(ctx.state.held.key);
}

/** Gives the browser the keys of a session that was just opened or renewed. */
export function giveSession(ctx: Context, { session, key, knownKey }: SignedIn): void {
  setCookie(ctx, "session", key, session.isRemembered ? session.expiresAt.getTime() - Date.now() : undefined);
  giveKnownKey(ctx, session.subscriberId, knownKey);
  ctx.state.session = session;
  ctx.state.held = { key, id: session.id, data: "{}" };
}

/** Takes the session cookie back; the session itself was ended before. */
export function forgetSession(ctx: Context): void {
  forgetCookie(ctx, "session");
  Object.assign(ctx.state, { held: null, session: null, subscriber: null });
}
