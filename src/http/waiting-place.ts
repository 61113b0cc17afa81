import { type Attempt } from "../domain/attempt.js";
import { type SessionBrowser, type SignedIn } from "../domain/open-session.js";
import { type Proof } from "../domain/proof.js";
import { type AttemptCookie } from "./attempt-cookie.js";
import { type Context, type Middleware } from "./context.js";
import { giveSession, sessionBrowser } from "./signed-in.js";
import { seeOther } from "./views.js";

/** Where an attempt waits for its second factor: a sign-in, or one sensitive act. */
export interface WaitingPlace {
  readonly base: "/login/approval" | "/account/approval";
  readonly codePath: "/login/code" | "/account/approval/code";
  readonly page: "login-approval" | "approval";
  readonly cookie: AttemptCookie;
  /** Where a browser goes that has nothing to wait for. */
  readonly elsewhere: string;
  /** Where it goes on after a success. */
  next(attempt: Attempt): string;
  find(ctx: Context): Promise<Attempt | null>;
  /** Spends the proof. @returns null when it is over; the waiting page says why. */
  finish(ctx: Context, attempt: Attempt, proof: Proof | null, browser: SessionBrowser): Promise<SignedIn | null>;
}

/** Sends a browser away that holds no attempt. */
export function loadAttempt(place: WaitingPlace): Middleware {
  return async function loadHeldAttempt(ctx, next) {
    ctx.state.attempt = await place.find(ctx);
    if (ctx.state.attempt === null) seeOther(ctx, place.elsewhere);
    else await next();
  };
}

/** The attempt that this browser holds; only for routes behind `loadAttempt`. */
export function attemptIn(ctx: Context): Attempt {
  if (ctx.state.attempt === null) throw new Error("this route needs loadAttempt");
  return ctx.state.attempt;
}

/** After the proof was judged right: spends it, gives the browser its session, and goes on. */
export async function finishAndGoOn(ctx: Context, place: WaitingPlace, proof: Proof | null): Promise<void> {
  const attempt = attemptIn(ctx);
  const browser = sessionBrowser(ctx, attempt.subscriberId);
  const signedIn = await place.finish(ctx, attempt, proof, browser);
  if (signedIn !== null) giveSession(ctx, signedIn);
  seeOther(ctx, signedIn === null ? place.base : place.next(attempt));
}
