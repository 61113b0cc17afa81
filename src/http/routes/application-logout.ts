import Router from "@koa/router";

import { signOut } from "../../domain/sign-out.js";
import { forgetAttempt, heldAttempt } from "../attempt-cookie.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { fields } from "../middleware/form.js";
import { visitHash } from "../middleware/visit.js";
import type { OpenId } from "../openid.js";
import { originOf } from "../origin.js";
import { queryText } from "../query-text.js";
import { HttpRefusal } from "../refusal.js";
import { signedInOf } from "../require-sign-in.js";
import { forgetSession } from "../signed-in.js";
import { seeOther, show } from "../views.js";

/** Signing out that an application asks for: at once where it shows whose sign-in it is, else after a question. */
export function applicationLogout(deps: HttpDeps, openId: OpenId): Router<RequestState> {
  const router = new Router<RequestState>();
  const base = "/oidc/logout";

  async function readRequest(ctx: Context) {
    const request = {
      ...{ idTokenHint: queryText(ctx, "id_token_hint"), clientId: queryText(ctx, "client_id") },
      ...{ redirectUri: queryText(ctx, "post_logout_redirect_uri"), state: queryText(ctx, "state") },
    };
    const read = await openId.readLogout(request, ctx.state.session);
    if (read === null) throw new HttpRefusal(400, "application-request", { error: "invalid_request" });
    const application = read.clientId === null ? null : await deps.applications.find(read.clientId);
    return { ...read, name: application?.name ?? "" };
  }

  async function endSignIn(ctx: Context): Promise<void> {
    const { session } = ctx.state;
    const held = [await heldAttempt(deps, ctx, "attempt"), await heldAttempt(deps, ctx, "step-up")];
    const attempts = held.filter((attempt) => attempt !== null);
    await signOut(deps, { session, attempts, visitHash: visitHash(ctx), origin: originOf(ctx) });
    await deps.sessionsEnded();
    for (const name of ["attempt", "step-up"] as const) forgetAttempt(ctx, name);
    forgetSession(ctx);
  }

  router.get(base, async function askOrLeave(ctx) {
    const { backTo, isOfThisSignIn, name, clientId } = await readRequest(ctx);
    if (ctx.state.session !== null && !isOfThisSignIn) {
      show(ctx, "application-logout", { name: clientId === null ? "" : name, action: `${base}/confirm${ctx.search}` });
      return;
    }
    if (ctx.state.session !== null) await endSignIn(ctx);
    seeOther(ctx, backTo ?? `${base}/success`);
  });

  router.post(`${base}/confirm`, async function leave(ctx) {
    const { from } = fields(ctx, ["from"]);
    const { clientId } = await readRequest(ctx);
    if (ctx.state.session !== null) {
      const { session } = signedInOf(ctx);
      // R45: the others go on.
      if (from === "application" && clientId !== null)
        await deps.oidcRecords.removeOfSignIn(session.signInId, clientId);
      else await endSignIn(ctx);
    }
    // Not from a form to another origin: a page in between goes on by itself.
    seeOther(ctx, `${base}/success${ctx.search}`);
  });

  router.get(`${base}/success`, async function showLeft(ctx) {
    const { backTo, name } = await readRequest(ctx);
    show(ctx, "application-left", { next: backTo ?? "", name });
  });
  return router;
}
