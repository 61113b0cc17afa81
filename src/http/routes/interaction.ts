import Router from "@koa/router";

import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { goOn } from "../leaving.js";
import { fields } from "../middleware/form.js";
import type { OpenId } from "../openid.js";
import { queryText } from "../query-text.js";
import { HttpRefusal } from "../refusal.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { show } from "../views.js";

/** What an application may ask to be told, and is told without being asked: a request that was pushed does not say here. */
const TOLD = ["profile", "email", "groups"];

/** The pages that stand between a request of an application and its answer. */
export function interaction(deps: HttpDeps, openId: OpenId): Router<RequestState> {
  const router = new Router<RequestState>();
  const base = "/oidc/interaction";

  async function nameIn(ctx: Context): Promise<string> {
    const application = await deps.applications.find(queryText(ctx, "client_id"));
    if (application === null) throw new HttpRefusal(404, "not-found");
    return application.name;
  }

  router.get(`${base}/refused`, requireSignIn(), async function showRefused(ctx) {
    show(ctx, "application-refused", { name: await nameIn(ctx), account: signedInOf(ctx).subscriber.username }, 403);
  });

  router.get(`${base}/phone`, requireSignIn(), async function showPhoneNeeded(ctx) {
    show(ctx, "application-phone", { name: await nameIn(ctx), again: `/oidc/authorize${ctx.search}` });
  });

  router.get(`${base}/consent`, requireSignIn(), async function showConsent(ctx) {
    const scopes = queryText(ctx, "scope").split(" ");
    const isPushed = queryText(ctx, "request_uri") !== "";
    show(ctx, "consent", {
      name: await nameIn(ctx),
      account: signedInOf(ctx).subscriber.username,
      told: TOLD.filter((scope) => isPushed || scopes.includes(scope)),
      staysOffline: isPushed || scopes.includes("offline_access"),
      action: `${base}/consent${ctx.search}`,
    });
  });

  router.post(`${base}/consent`, requireSignIn(), function answerConsent(ctx) {
    const { decision } = fields(ctx, ["decision"]);
    const way = openId.wayOn(ctx.search, ctx.state, decision === "yes");
    if (way === null) throw new HttpRefusal(400, "application-request", { error: "invalid_request" });
    goOn(ctx, way);
  });
  return router;
}
