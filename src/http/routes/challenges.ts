import Router from "@koa/router";

import { type Challenge, EXPIRY_GRACE_MS, type LiveStatus, publicStatus } from "../../domain/challenge.js";
import { publicEnrolmentStatus } from "../../domain/enrolment.js";
import { expireEnrolmentWhenOver } from "../../domain/enrol.js";
import { expireWhenOver } from "../../domain/ask-provider.js";
import { isLive } from "../../domain/challenge.js";
import { attemptOf } from "../attempt-cookie.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { HttpRefusal } from "../refusal.js";
import { networkOf, originOf } from "../origin.js";
import { type StreamOwner } from "../stream-hub.js";

interface Watched {
  readonly owner: StreamOwner;
  readonly status: LiveStatus;
}

/** What became of a challenge: as a stream, or once. Only for the browser session that owns it; 404 for anyone else. */
export function challenges(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();

  router.get("/challenges/:id/events", async function streamStatus(ctx) {
    const { owner } = await findOwn(deps, ctx, ctx.params["id"] ?? "");
    // The hub answers on the bare response: Koa's context would cost twice the memory for each waiting browser.
    await deps.streams.open(ctx.res, ctx.params["id"] ?? "", owner);
    ctx.respond = false;
  });

  router.get("/challenges/:id", async function readStatus(ctx) {
    const { owner, status } = await findOwn(deps, ctx, ctx.params["id"] ?? "");
    await deps.rates.statusOfChallenge(`${status.id} ${owner.sessionKey}`);
    ctx.set("Cache-Control", "no-store");
    ctx.body = { id: status.id, kind: status.kind, status: status.status, expiresAt: status.expiresAt.toISOString() };
  });

  return router;
}

async function findOwn(deps: HttpDeps, ctx: Context, id: string): Promise<Watched> {
  const watched = /^[\w-]{10,64}$/.test(id)
    ? ((await findOwnChallenge(deps, ctx, id)) ?? (await findOwnEnrolment(deps, ctx, id)))
    : null;
  if (watched === null) throw new HttpRefusal(404, "Not found", "There is no such request in this browser.");
  return watched;
}

async function findOwnChallenge(deps: HttpDeps, ctx: Context, id: string): Promise<Watched | null> {
  let challenge = await deps.challenges.find(id);
  if (challenge === null) return null;
  const attempt = await deps.attempts.find(challenge.attemptId);
  if (attempt === null) return null;
  const own = attempt.purpose === "sign-in" ? await attemptOf(deps, ctx) : null;
  const { session } = ctx.state;
  const isOwn =
    attempt.purpose === "sign-in" ? own?.id === attempt.id : session !== null && session.id === attempt.sessionId;
  if (!isOwn) return null;
  if (isLive(challenge.state)) {
    const asked = await expireWhenOver(deps, challenge, challenge.expiresAt);
    if (asked.kind === "settled") challenge = (await deps.challenges.find(id)) ?? challenge;
  }
  return {
    status: statusOf(challenge),
    owner: {
      sessionKey: attempt.purpose === "sign-in" ? attempt.id : (session?.id ?? ""),
      sessionId: attempt.purpose === "sign-in" ? null : (session?.id ?? null),
      subscriberId: attempt.subscriberId,
      address: networkOf(originOf(ctx).address),
    },
  };
}

function statusOf({ id, state, version, expiresAt }: Challenge): LiveStatus {
  return { id, kind: "approval", status: publicStatus(state), version, expiresAt };
}

async function findOwnEnrolment(deps: HttpDeps, ctx: Context, id: string): Promise<Watched | null> {
  const { session } = ctx.state;
  let enrolment = session === null ? null : await deps.enrolments.find(id);
  if (session === null || enrolment?.sessionId !== session.id) return null;
  if (enrolment.state === "pending" && (await expireEnrolmentWhenOver(deps, enrolment, EXPIRY_GRACE_MS)))
    enrolment = (await deps.enrolments.find(id)) ?? enrolment;
  return {
    status: {
      id,
      kind: "registration",
      status: publicEnrolmentStatus(enrolment.state),
      version: enrolment.version,
      expiresAt: enrolment.expiresAt,
    },
    owner: {
      sessionKey: session.id,
      sessionId: session.id,
      subscriberId: session.subscriberId,
      address: networkOf(originOf(ctx).address),
    },
  };
}
