import type { Context, Middleware } from "../context.js";
import { cookieName } from "../cookies.js";
import type { HttpDeps } from "../deps.js";

/** An IANA name, "Europe/Berlin". */
const NAME = /^[A-Za-z][\w+-]*(?:\/[\w+-]+)*$/;
const MAX = 64;

/**
 * The browser's time zone, which a script of our pages put into a cookie.
 *
 * @param known - What is known already, which needs no second look: every page asks.
 * @returns null where it put none there, or where that is no zone.
 */
export function timeZoneOf(ctx: Context, known: string | null = null): string | null {
  const name = ctx.cookies.get(cookieName("time-zone", ctx.state.isHttps), { signed: false }) ?? "";
  if (name === known) return known;
  if (name.length > MAX || !NAME.test(name)) return null;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name;
  } catch {
    return null;
  }
}

/** Messages to an account tell times in the zone of the browser that is signed in to it. */
export function noteTimeZone({ subscribers }: Pick<HttpDeps, "subscribers">): Middleware {
  return async function keepTimeZone(ctx, next) {
    const { subscriber } = ctx.state;
    const zone = subscriber && timeZoneOf(ctx, subscriber.timeZone);
    if (subscriber !== null && zone !== null && zone !== subscriber.timeZone)
      await subscribers.noteTimeZone(subscriber.id, zone);
    await next();
  };
}
