import type { ServerResponse } from "node:http";
import Router from "@koa/router";

import { findOwnStatus, type OwnStatus } from "../../domain/find-own-status.js";
import { heldAttempt } from "../attempt-cookie.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { HttpRefusal } from "../refusal.js";
import { addressOf, networkOf } from "../origin.js";

/** What became of a challenge: as a stream, or once. Only for the browser session that owns it; 404 for anyone else. */
export function challenges(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();

  router.get("/challenges/:id/events", async function streamStatus(ctx) {
    const { status, owner } = await findOwn(deps, ctx);
    // The hub answers on the bare response: Koa's context would cost twice the memory for each waiting browser.
    await deps.streams.open(ctx.res, status, {
      sessionKey: owner.id,
      sessionId: owner.kind === "session" ? owner.id : null,
      subscriberId: owner.subscriberId,
      address: networkOf(addressOf(ctx)),
    });
    ctx.respond = false;
    forgetContext(ctx.res);
  });

  router.get("/challenges/:id", async function readStatus(ctx) {
    const { status, owner } = await findOwn(deps, ctx);
    await deps.rates.statusOfChallenge(`${status.id} ${owner.id}`);
    ctx.set("Cache-Control", "no-store");
    ctx.body = { id: status.id, kind: status.kind, status: status.status, expiresAt: status.expiresAt.toISOString() };
  });

  return router;
}

/**
 * Koa waits for the end of each answer (by the package on-finished), and keeps the whole context of its request until then. It
 * has nothing to do then here: it is told that it is over, and its listeners go. A stream would take twice the memory with them.
 */
function forgetContext(res: ServerResponse & { __onFinished?: ((error: null) => void) | null }): void {
  res.__onFinished?.(null);
  for (const emitter of [res, res.socket])
    for (const event of ["end", "finish", "error", "close"])
      for (const listener of (emitter?.listeners(event) ?? []) as ((...given: unknown[]) => void)[])
        if (listener.name === "onevent") emitter?.removeListener(event, listener);
}

async function findOwn(deps: HttpDeps, ctx: Context & { params: Record<string, string> }): Promise<OwnStatus> {
  const id = ctx.params["id"] ?? "";
  const own = /^[\w-]{10,64}$/.test(id)
    ? await findOwnStatus(deps, id, { attempt: await heldAttempt(deps, ctx, "attempt"), session: ctx.state.session })
    : null;
  if (own === null) throw new HttpRefusal(404, "no-challenge");
  return own;
}
